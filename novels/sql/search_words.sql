-- The words of texts and queries, the same for both (docs/search.md).
--
-- Accents are folded by `unaccent`, before each language's own dictionary: `Brontë` = `bronte`.
-- Scripts without spaces between words are indexed by their letters and pairs of letters, because
-- PostgreSQL's parser takes a whole clause for one word.

-- migrate:up

-- Copies of the built-in configurations, named `folded_<name>`, that fold accents first. Words of
-- ASCII letters have none.
DO $$
DECLARE
    original record;
    kind text;
BEGIN
    FOR original IN
        SELECT c.oid, c.cfgname AS name FROM pg_ts_config c
        WHERE c.cfgnamespace = 'pg_catalog'::regnamespace
    LOOP
        EXECUTE format(
            'CREATE TEXT SEARCH CONFIGURATION folded_%s (COPY = pg_catalog.%I)',
            original.name, original.name
        );
        FOREACH kind IN ARRAY '{word,hword,hword_part,numword,numhword,hword_numpart}'::text[] LOOP
            EXECUTE format(
                'ALTER TEXT SEARCH CONFIGURATION folded_%s ALTER MAPPING FOR %s WITH unaccent, %s',
                original.name, kind,
                (
                    SELECT string_agg(m.mapdict::regdictionary::text, ', ' ORDER BY m.mapseqno)
                    FROM pg_ts_config_map m
                    JOIN ts_token_type('default') t ON t.tokid = m.maptokentype
                    WHERE m.mapcfg = original.oid AND t.alias = kind
                )
            );
        END LOOP;
    END LOOP;
END
$$;

-- The text search configuration for `name`, or word by word if the admin mistyped it.
CREATE FUNCTION novels_search_config(name text) RETURNS regconfig
LANGUAGE sql STABLE
AS $$
    SELECT COALESCE(
        (
            SELECT oid FROM pg_ts_config
            WHERE cfgname = 'folded_' || name AND pg_ts_config_is_visible(oid)
        ),
        (SELECT oid FROM pg_ts_config WHERE cfgname = name AND pg_ts_config_is_visible(oid)),
        'folded_simple'::regconfig
    )::regconfig
$$;

-- Regular expressions for a letter of a script without spaces between words, and for any other
-- character: Thai, Lao, Burmese, Khmer, Japanese and Chinese; and Korean, which has spaces, but adds
-- particles to its words.
CREATE FUNCTION novels_search_unspaced(OUT letter text, OUT other text)
LANGUAGE sql IMMUTABLE
AS $$
    SELECT '[' || letters || ']', '[^' || letters || ']'
    FROM (
        SELECT '\u0E00-\u0EFF\u1000-\u109F\u1780-\u17FF\u3005-\u3007\u3040-\u30FF\u3400-\u4DBF'
            '\u4E00-\u9FFF\uAC00-\uD7A3\uF900-\uFAFF\uFF66-\uFF9F\U00020000-\U0003FFFF' AS letters
    ) scripts
$$;

-- The letters of such scripts in a text, and the pairs of neighbouring ones, between spaces.
--
-- `mark` follows each letter and pair. Each letter becomes `x x x`: `abc` is `a a ab b bc c c`.
CREATE FUNCTION novels_search_grams(content text, mark text) RETURNS text
LANGUAGE sql IMMUTABLE
AS $$
    SELECT regexp_replace(
        trim(regexp_replace(content, other || '+', ' ', 'g')),
        '(' || letter || ')', replace('\1~ \1~ \1', '~', mark), 'g'
    )
    FROM novels_search_unspaced()
$$;

-- The text as it is indexed and shown: composed characters, runs of 64 characters cut, and `<` is
-- no markup.
--
-- PostgreSQL's parser reads the rest of a run without spaces, and of `<!--`, again at each
-- character. It takes both control characters for blanks; a snippet shows `<` for the first and
-- nothing for the second.
CREATE FUNCTION novels_search_plain(content text) RETURNS text
LANGUAGE sql IMMUTABLE
AS $$
    SELECT regexp_replace(
        replace(
            -- To test takes a third of the time.
            CASE WHEN content IS NORMALIZED THEN content ELSE normalize(content) END,
            '<', E'\x01'
        ),
        '\S{64}', E'\\&\x04', 'g'
    )
$$;

-- The words of a text: `weight` is A for a title, D for a chapter's text.
CREATE FUNCTION novels_search_vector(config regconfig, content text, weight "char")
RETURNS tsvector
LANGUAGE plpgsql STABLE
AS $$
DECLARE
    unspaced CONSTANT text := (SELECT letter FROM novels_search_unspaced());
    -- Capitals have one form of sigma, so that the final one must count as the same letter.
    plain CONSTANT text := replace(novels_search_plain(content), 'ς', 'σ');
BEGIN
    IF plain !~ unspaced THEN
        RETURN setweight(to_tsvector(config, plain), weight);
    END IF;
    RETURN setweight(to_tsvector(config, regexp_replace(plain, unspaced || '+', ' ', 'g')), weight)
        -- Weights need positions. A chapter's grams have none: with them, the oddest text of 120,000
        -- letters would be too long for a tsvector.
        || CASE weight
            WHEN 'D' THEN array_to_tsvector(string_to_array(novels_search_grams(plain, ''), ' '))
            ELSE novels_search_grams(plain, ':1' || weight::text)::tsvector
        END;
END
$$;

-- The query of `words`, as web search engines take them, in one configuration.
CREATE FUNCTION novels_search_query(config regconfig, words text) RETURNS tsquery
LANGUAGE plpgsql STABLE
AS $$
DECLARE
    unspaced text;
    parsed text;
    lexeme text;
BEGIN
    IF octet_length(words) = length(words) THEN  -- Mostly so, and this runs for each language.
        RETURN websearch_to_tsquery(config, words);
    END IF;
    SELECT letter INTO unspaced FROM novels_search_unspaced();
    parsed := websearch_to_tsquery(config, replace(normalize(words), 'ς', 'σ'));
    IF parsed !~ unspaced THEN
        RETURN parsed;
    END IF;
    FOR lexeme IN SELECT parts[1] FROM regexp_matches(parsed, $re$'[^']+'$re$, 'g') parts LOOP
        IF lexeme ~ unspaced THEN
            -- All its pairs of letters, which are rarer than letters; these, if there is no pair.
            parsed := replace(parsed, lexeme, (
                SELECT '( ' || string_agg(quote_literal(gram), ' & ') || ' )'
                FROM string_to_table(novels_search_grams(lexeme, ''), ' ') gram
                WHERE length(gram) = 2 OR lexeme !~ (unspaced || '{2}')
            ));
        END IF;
    END LOOP;
    -- Grams have no positions, so a phrase is searched as all its words.
    RETURN regexp_replace(parsed, '<(-|\d+)>', '&', 'g');
END
$$;

-- The text with each run of such scripts that `words` have set apart, so that PostgreSQL's parser
-- takes it for a word and `ts_headline` marks it.
CREATE FUNCTION novels_search_set_apart(content text, words text) RETURNS text
LANGUAGE plpgsql IMMUTABLE
AS $$
DECLARE
    run text;
BEGIN
    FOR run IN
        SELECT DISTINCT parts[1]
        FROM novels_search_unspaced(), regexp_matches(words, letter || '+', 'g') parts
    LOOP
        content := replace(content, run, E'\x04' || run || E'\x04');
    END LOOP;
    RETURN content;
END
$$;

-- migrate:down
DROP FUNCTION
    novels_search_set_apart(text, text),
    novels_search_query(regconfig, text),
    novels_search_vector(regconfig, text, "char"),
    novels_search_plain(text),
    novels_search_grams(text, text),
    novels_search_unspaced(),
    novels_search_config(text);
DO $$
DECLARE
    name text;
BEGIN
    FOR name IN SELECT cfgname FROM pg_ts_config WHERE cfgname LIKE 'folded\_%' LOOP
        EXECUTE format('DROP TEXT SEARCH CONFIGURATION %I', name);
    END LOOP;
END
$$;
