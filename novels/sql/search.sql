-- Full-text search that keeps its index under row level security (docs/search.md).
--
-- `@@` is not leakproof, so under row level security it cannot be an index condition. The loader
-- owns novels_search_matches(); row level security does not bind it. The function repeats the
-- visibility rules: public novels, or those of the transaction's own identity, which no argument
-- can choose.

-- migrate:up

-- The query that the words make in each language; 0 stands for no language.
--
-- Each text is searched in its own language, so that `-word` excludes that language's meaning.
CREATE FUNCTION novels_search_queries(words text, language bigint)
RETURNS TABLE (language_id bigint, query tsquery)
LANGUAGE sql STABLE
AS $$
    SELECT unnest(q.languages), q.query
    FROM (
        SELECT array_agg(l.id) AS languages,
            novels_search_query(novels_search_config(l.search_config), words) AS query
        FROM (
            SELECT id, search_config FROM novels_language
            UNION ALL SELECT 0, 'simple'
        ) l
        WHERE novels_search_queries.language IS NULL OR l.id = novels_search_queries.language
        GROUP BY l.search_config
        OFFSET 0  -- So that each query is made once: the condition below needs it too.
    ) q
    -- A query without a word that must occur cannot use the index and matches everything.
    WHERE querytree(q.query) NOT IN ('', 'T')
$$;

-- Each word that must or may occur, quoted as a query of its own.
CREATE FUNCTION novels_search_words(query tsquery) RETURNS text[]
LANGUAGE sql IMMUTABLE
AS $$
    SELECT COALESCE(array_agg(DISTINCT trim(word, '( )')), '{}')
    FROM regexp_split_to_table(querytree(query), ' (?:[&|]|<(?:-|\d+)>) ') word
    WHERE querytree(query) NOT IN ('', 'T')
$$;

-- The query to rank by: the words that must occur. An excluded word would make every rank 0.
--
-- ts_rank compares all pairs of positions of words that stand next to each other: 10 words took
-- over 30 s in 1,100 texts. More than two words are ranked one by one.
CREATE FUNCTION novels_search_ranked(query tsquery) RETURNS tsquery
LANGUAGE sql IMMUTABLE
AS $$
    SELECT CASE
        WHEN numnode(querytree(query)::tsquery) <= 3 THEN querytree(query)::tsquery
        ELSE array_to_string(novels_search_words(query), ' | ')::tsquery
    END
$$;

-- The newest `candidates` documents that match, with their rank in millionths; unordered.
--
-- Search starts from the newest documents, so that a frequent word costs its candidates alone. To
-- read all matches for the newest thousand took 261,000 buffers for a word in every second of
-- 500,000 documents; now 15,000. A search in the caller's own novels reads their documents instead.
CREATE FUNCTION novels_search_matches(
    words text, mine boolean, kind text, genre bigint, language bigint, candidates integer
) RETURNS TABLE (id bigint, novel_id bigint, chapter_id bigint, score integer)
LANGUAGE plpgsql STABLE SECURITY DEFINER SET search_path = public, pg_temp
-- Planned for each search: from the sixth call in a session, PostgreSQL 18 would use a generic
-- plan, which looks up the novel of each match one by one (16 times the buffers).
SET plan_cache_mode = force_custom_plan
AS $$
#variable_conflict use_column
DECLARE
    reader bigint := NULLIF(current_setting('app.user_id', true), '')::bigint;
    upto bigint := (SELECT max(d.id) FROM novels_searchdocument d);
    oldest bigint := (SELECT min(d.id) FROM novels_searchdocument d);
    -- How many document ids the first pass covers; a frequent word shows there how far its
    -- candidates reach. A word in none of 16 million documents needs three passes instead of one.
    -- 20,000 was too many: a word in every eighth document had three times its candidates among
    -- them.
    stretch bigint := 4000;
    missing integer := candidates;
    found integer;
BEGIN
    -- The languages that make the same query share one index scan.
    IF mine THEN
        RETURN QUERY
        WITH queries AS MATERIALIZED (
            SELECT a.query, novels_search_ranked(a.query) AS ranked,
                array_agg(a.language_id) AS languages
            FROM novels_search_queries(
                novels_search_matches.words, novels_search_matches.language
            ) a
            GROUP BY a.query
        ), matches AS MATERIALIZED (
            SELECT m.id, q.ranked
            FROM novels_novel n
            -- OFFSET 0: the planner starts from the novels, however rare it believes the word to
            -- be.
            CROSS JOIN LATERAL (
                SELECT d.id, d.chapter_id, d.vector FROM novels_searchdocument d
                WHERE d.novel_id = n.id OFFSET 0
            ) m
            JOIN queries q ON m.vector @@ q.query
            WHERE n.owner_id = reader
                AND COALESCE(n.language_id, 0) = ANY (q.languages)
                AND (kind IS NULL OR (kind = 'chapter') = (m.chapter_id IS NOT NULL))
                AND (genre IS NULL OR n.genre_id = genre)
        ), newest AS (SELECT id, ranked FROM matches ORDER BY id DESC LIMIT candidates)
        -- Ranking reads a stored vector, which costs most, so only the newest are ranked. They are
        -- looked up by key: with statistics from when the table was empty, PostgreSQL might read
        -- all documents for each.
        SELECT d.id, d.novel_id, d.chapter_id,
            (1000000 * ts_rank(d.vector, m.ranked))::integer
        FROM newest m CROSS JOIN LATERAL (
            SELECT * FROM novels_searchdocument WHERE id = m.id OFFSET 0
        ) d;
        RETURN;
    END IF;
    WHILE missing > 0 AND upto >= oldest LOOP
        IF genre IS NULL AND language IS NULL THEN
            RETURN QUERY
            WITH queries AS MATERIALIZED (
                SELECT a.query, novels_search_ranked(a.query) AS ranked,
                    array_agg(a.language_id) AS languages
                FROM novels_search_queries(
                    novels_search_matches.words, novels_search_matches.language
                ) a
                GROUP BY a.query
            ), newest AS MATERIALIZED (
                SELECT m.id, q.ranked
                FROM queries q
                CROSS JOIN LATERAL (
                    SELECT d.id, d.novel_id, d.chapter_id FROM novels_searchdocument d
                    WHERE d.vector @@ q.query AND d.id > upto - stretch AND d.id <= upto OFFSET 0
                ) m
                -- Without a filter nearly every match counts, so each novel is looked up by key.
                -- PostgreSQL expects as many matches of any word, and reads a million novels for a
                -- rare one.
                CROSS JOIN LATERAL (
                    SELECT o.language_id FROM novels_novel o
                    WHERE o.id = m.novel_id AND o.is_public OFFSET 0
                ) n
                WHERE COALESCE(n.language_id, 0) = ANY (q.languages)
                    AND (kind IS NULL OR (kind = 'chapter') = (m.chapter_id IS NOT NULL))
                ORDER BY m.id DESC
                LIMIT missing
            )
            SELECT d.id, d.novel_id, d.chapter_id,
                (1000000 * ts_rank(d.vector, m.ranked))::integer
            FROM newest m CROSS JOIN LATERAL (
                SELECT * FROM novels_searchdocument WHERE id = m.id OFFSET 0
            ) d;
        ELSE
            RETURN QUERY
            WITH queries AS MATERIALIZED (
                SELECT a.query, novels_search_ranked(a.query) AS ranked,
                    array_agg(a.language_id) AS languages
                FROM novels_search_queries(
                    novels_search_matches.words, novels_search_matches.language
                ) a
                GROUP BY a.query
            ), newest AS MATERIALIZED (
                SELECT m.id, q.ranked
                FROM queries q
                -- OFFSET 0: with the LIMIT below in sight, the planner would not use the index.
                CROSS JOIN LATERAL (
                    SELECT d.id, d.novel_id, d.chapter_id FROM novels_searchdocument d
                    WHERE d.vector @@ q.query AND d.id > upto - stretch AND d.id <= upto OFFSET 0
                ) m
                JOIN novels_novel n ON n.id = m.novel_id
                WHERE n.is_public
                    AND COALESCE(n.language_id, 0) = ANY (q.languages)
                    AND (kind IS NULL OR (kind = 'chapter') = (m.chapter_id IS NOT NULL))
                    AND (genre IS NULL OR n.genre_id = genre)
                ORDER BY m.id DESC
                LIMIT missing
            )
            SELECT d.id, d.novel_id, d.chapter_id,
                (1000000 * ts_rank(d.vector, m.ranked))::integer
            FROM newest m CROSS JOIN LATERAL (
                SELECT * FROM novels_searchdocument WHERE id = m.id OFFSET 0
            ) d;
        END IF;
        GET DIAGNOSTICS found = ROW_COUNT;
        missing := missing - found;
        upto := upto - stretch;
        -- As far as the missing ones reach at this density, and half as far again.
        stretch := least(
            stretch * 64,
            greatest(stretch, stretch * missing * 3 / 2 / greatest(found, 1))
        );
    END LOOP;
END
$$;

REVOKE ALL ON FUNCTION
    novels_search_matches(text, boolean, text, bigint, bigint, integer) FROM PUBLIC;
ALTER FUNCTION
    novels_search_matches(text, boolean, text, bigint, bigint, integer) OWNER TO morpheus_loader;
-- A new owner takes over what the old one was granted, so the loader grants it.
SET LOCAL ROLE morpheus_loader;
GRANT EXECUTE ON FUNCTION
    novels_search_matches(text, boolean, text, bigint, bigint, integer)
    TO morpheus_app, morpheus_owner;
RESET ROLE;

-- migrate:down
SET LOCAL ROLE morpheus_loader;
DROP FUNCTION novels_search_matches(text, boolean, text, bigint, bigint, integer);
RESET ROLE;
DROP FUNCTION
    novels_search_ranked(tsquery),
    novels_search_words(tsquery),
    novels_search_queries(text, bigint);
