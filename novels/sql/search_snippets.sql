-- Texts and queries in a form whose cost is bounded, however hostile they are (docs/search.md).
--
-- Without these functions, each of the following took minutes:
-- - ts_headline over 50,000 characters with thousands of matches, and over any text for a query of
--   many alternatives (`a b or a b or …`), because it tries all their combinations;
-- - to_tsvector of long runs without a space (`a_a_a_…`) and of `<!--` (see novels_search_plain).

-- migrate:up

-- The query to mark matches by: as it is, or any of its words if ts_headline would take long for it
-- (alternatives, repeated words, more than 16 words).
CREATE FUNCTION novels_search_shown(query tsquery) RETURNS tsquery
LANGUAGE sql IMMUTABLE
AS $$
    SELECT CASE
        WHEN numnode(query) = 2 * cardinality(words) - 1 AND cardinality(words) <= 16
            AND strpos(query::text, '|') = 0 THEN query
        ELSE array_to_string(words, ' | ')::tsquery
    END
    FROM novels_search_words(query) words
$$;

-- The passage of a text to show for a query (`excerpt`), and the query to mark in it (`shown`).
--
-- The first passage that matches the query. If none does: the first passage with any of the words
-- and the first one with another word. Otherwise the beginning of the text.
CREATE FUNCTION novels_search_excerpt(
    config regconfig, content text, words text, OUT excerpt text, OUT shown tsquery
)
LANGUAGE plpgsql STABLE
AS $$
DECLARE
    size CONSTANT integer := 1500;
    -- Passages overlap, so that at least one has each word and each short phrase in full.
    step CONSTANT integer := 1400;
    rest text := content;
    query tsquery := websearch_to_tsquery(config, words);
    missing text[] := (novels_search_words(query))[1:16];
    present text[];
    marked text[] := '{}';
    passage text;
    beginning text;
    vector tsvector;
    is_last boolean;
BEGIN
    LOOP
        passage := left(rest, size);
        is_last := octet_length(passage) = octet_length(rest);
        passage := novels_search_set_apart(novels_search_plain(passage), words);
        -- Cut off half words at both ends.
        IF beginning IS NOT NULL THEN
            passage := substr(passage, 1 + COALESCE(
                length(substring(left(passage, 100) FROM '^\S*\s')), 0
            ));
        END IF;
        IF NOT is_last THEN
            passage := left(passage, length(passage) - COALESCE(
                length(substring(right(passage, 100) FROM '\s\S*$')), 0
            ));
        END IF;
        beginning := COALESCE(beginning, passage);
        vector := to_tsvector(config, passage);
        IF vector @@ query THEN
            excerpt := passage;
            shown := novels_search_shown(query);
            RETURN;
        END IF;
        IF cardinality(missing) > 0 THEN
            present := ARRAY(SELECT word FROM unnest(missing) word WHERE vector @@ word::tsquery);
            IF cardinality(present) > 0 THEN
                marked := marked || present;
                missing := CASE WHEN excerpt IS NULL
                    THEN ARRAY(SELECT unnest(missing) EXCEPT SELECT unnest(present))
                    ELSE '{}' END;
                excerpt := concat_ws(' … ', excerpt, passage);
            END IF;
        END IF;
        EXIT WHEN is_last;
        rest := right(rest, -step);
    END LOOP;
    excerpt := COALESCE(excerpt, beginning);
    -- Any of them: before PostgreSQL 16, ts_headline marks none of the words that stand far apart if
    -- it must show all.
    shown := array_to_string(marked, ' | ')::tsquery;
END
$$;

-- migrate:down
DROP FUNCTION
    novels_search_excerpt(regconfig, text, text),
    novels_search_shown(tsquery);
