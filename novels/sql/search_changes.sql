-- How a cached search is refreshed by what changed since (docs/caching.md).
--
-- A cached search carries its moment, a snapshot of transactions. The changes since are what a
-- transaction noted in novels_searchchange that the snapshot does not see: exact in whatever order
-- transactions began and committed. Only the last changes of each novel are noted, so nothing has
-- to be purged; a deleted novel leaves its note.

-- migrate:up

-- `changed_whole`: the chapters' documents changed too; otherwise the novel's own document alone.
CREATE TABLE novels_searchchange (
    novel_id bigint PRIMARY KEY,
    changed xid8 NOT NULL,
    changed_whole xid8 NOT NULL
);
CREATE INDEX novels_searchchange_changed_idx ON novels_searchchange (changed);

-- A novel without documents cannot be found, so a new novel is noted with its documents.
-- ORDER BY: two transactions that change the same novels wait for each other in one order, so they
-- cannot deadlock.
CALL change_notes_create('novels_novel', 'novels_novel_searched', $$
INSERT INTO novels_searchchange AS noted (novel_id, changed, changed_whole)
SELECT id, pg_current_xact_id(), pg_current_xact_id()
FROM old_rows o FULL JOIN new_rows n USING (id)
WHERE (o.is_public OR n.is_public)
    AND ROW(o.is_public, o.genre_id, o.language_id)
    IS DISTINCT FROM ROW(n.is_public, n.genre_id, n.language_id)
ORDER BY id
ON CONFLICT (novel_id) DO UPDATE SET
    changed = excluded.changed,
    changed_whole = greatest(noted.changed_whole, excluded.changed_whole)
$$, '{UPDATE,DELETE}');

CALL change_notes_create('novels_searchdocument', 'novels_searchdocument_searched', $$
INSERT INTO novels_searchchange AS noted (novel_id, changed, changed_whole)
SELECT side.novel_id, pg_current_xact_id(),
    CASE WHEN bool_or(side.chapter_id IS NOT NULL) THEN pg_current_xact_id() ELSE '0' END
FROM old_rows o FULL JOIN new_rows n USING (id)
CROSS JOIN LATERAL (VALUES (o.novel_id, o.chapter_id), (n.novel_id, n.chapter_id))
    side (novel_id, chapter_id)
JOIN novels_novel novel ON novel.id = side.novel_id
WHERE novel.is_public
    AND ROW(o.novel_id, o.chapter_id, o.vector)
    IS DISTINCT FROM ROW(n.novel_id, n.chapter_id, n.vector)
GROUP BY side.novel_id
ORDER BY side.novel_id
ON CONFLICT (novel_id) DO UPDATE SET
    changed = excluded.changed,
    changed_whole = greatest(noted.changed_whole, excluded.changed_whole)
$$);

-- The changes since the moment `since` of a cached search.
--
-- First one row with the changed novels (`own`: their own document alone; `whole`: all documents),
-- then the documents of these novels that match now. No row at all: too much changed, search anew.
--
-- `queries` and `languages` are the cached search's own queries: to make them from the words in
-- sixteen languages took as long as all the rest. `known` is how many documents the search knows,
-- `horizon` the oldest of them if it was cut off (else 0), `most` the limit of changed novels in
-- that case, `matches` the limit of returned documents.
--
-- Few changed novels are read novel by novel; many are joined with the matches from the index. To
-- read the documents of every changed novel, a hundred changes cost as much as a new search for a
-- rare word.
CREATE FUNCTION novels_search_changes(
    queries text[], languages bigint[], kind text, genre bigint,
    since pg_snapshot, known integer, horizon bigint, most integer, matches integer
) RETURNS TABLE (
    own bigint[], whole bigint[], id bigint, novel_id bigint, chapter_id bigint, score integer
)
LANGUAGE plpgsql STABLE SECURITY DEFINER SET search_path = public, pg_temp
AS $$
#variable_conflict use_column
DECLARE
    many integer;
BEGIN
    SELECT
        count(*),
        COALESCE(array_agg(s.novel_id) FILTER (WHERE s.is_whole), '{}'),
        COALESCE(array_agg(s.novel_id) FILTER (WHERE NOT s.is_whole), '{}')
    INTO many, whole, own
    FROM (
        SELECT c.novel_id, NOT pg_visible_in_snapshot(c.changed_whole, since) AS is_whole
        FROM novels_searchchange c
        WHERE c.changed >= pg_snapshot_xmin(since) AND NOT pg_visible_in_snapshot(c.changed, since)
            -- Not a future transaction: the database may be a restored dump of another cluster.
            AND c.changed < pg_snapshot_xmax(pg_current_snapshot())
    ) s;
    IF horizon > 0 AND many > most THEN
        RETURN;
    END IF;
    RETURN NEXT;
    -- OFFSET 0, below, fixes the order of the joins: from the smaller side, however rare the words
    -- are. No plan depends on the arguments or on statistics, so cached generic plans are right.
    IF many = 0 THEN
        RETURN;
    ELSIF horizon > 0 OR many <= known THEN
        RETURN QUERY
        WITH queries AS MATERIALIZED (
            SELECT a.query, novels_search_ranked(a.query) AS ranked,
                array_agg(a.language_id) AS languages
            FROM unnest(queries::tsquery[], languages) a (query, language_id)
            GROUP BY a.query
        )
        SELECT NULL::bigint[], NULL::bigint[], d.id, s.novel_id, d.chapter_id, d.score
        FROM (
            SELECT unnest(own) AS novel_id, false AS is_whole
            UNION ALL SELECT unnest(whole), true
        ) s
        CROSS JOIN LATERAL (
            SELECT m.id, m.chapter_id, (1000000 * ts_rank(m.vector, q.ranked))::integer AS score
            FROM (SELECT * FROM novels_novel WHERE id = s.novel_id AND is_public OFFSET 0) n
            JOIN queries q ON COALESCE(n.language_id, 0) = ANY (q.languages)
            CROSS JOIN LATERAL (
                SELECT * FROM novels_searchdocument o
                WHERE o.novel_id = n.id AND o.chapter_id IS NULL
                UNION ALL
                SELECT * FROM novels_searchdocument o
                WHERE o.novel_id = n.id AND o.chapter_id IS NOT NULL AND s.is_whole
                OFFSET 0
            ) m
            WHERE m.id >= horizon
                AND m.vector @@ q.query
                AND (kind IS NULL OR (kind = 'chapter') = (m.chapter_id IS NOT NULL))
                AND (genre IS NULL OR n.genre_id = genre)
            OFFSET 0
        ) d
        LIMIT matches;
    ELSE
        -- All matches are about as many as the known ones.
        RETURN QUERY
        WITH queries AS MATERIALIZED (
            SELECT a.query, novels_search_ranked(a.query) AS ranked,
                array_agg(a.language_id) AS languages
            FROM unnest(queries::tsquery[], languages) a (query, language_id)
            GROUP BY a.query
        )
        SELECT NULL::bigint[], NULL::bigint[], m.id, m.novel_id, m.chapter_id,
            (1000000 * ts_rank(m.vector, m.ranked))::integer
        FROM (
            SELECT d.id, d.novel_id, d.chapter_id, d.vector, q.ranked, q.languages
            FROM queries q
            CROSS JOIN LATERAL (
                SELECT * FROM novels_searchdocument o WHERE o.vector @@ q.query OFFSET 0
            ) d
            JOIN (
                SELECT unnest(own) AS novel_id, false AS is_whole
                UNION ALL SELECT unnest(whole), true
            ) s
                ON s.novel_id = d.novel_id AND (s.is_whole OR d.chapter_id IS NULL)
            WHERE kind IS NULL OR (kind = 'chapter') = (d.chapter_id IS NOT NULL)
            OFFSET 0
        ) m
        CROSS JOIN LATERAL (
            SELECT o.language_id, o.genre_id FROM novels_novel o
            WHERE o.id = m.novel_id AND o.is_public OFFSET 0
        ) n
        WHERE COALESCE(n.language_id, 0) = ANY (m.languages)
            AND (genre IS NULL OR n.genre_id = genre)
        LIMIT matches;
    END IF;
END
$$;

REVOKE ALL ON FUNCTION novels_search_changes(
    text[], bigint[], text, bigint, pg_snapshot, integer, bigint, integer, integer
) FROM PUBLIC;
ALTER FUNCTION novels_search_changes(
    text[], bigint[], text, bigint, pg_snapshot, integer, bigint, integer, integer
) OWNER TO morpheus_loader;
-- A new owner takes over what the old one was granted, so the loader grants it.
SET LOCAL ROLE morpheus_loader;
GRANT EXECUTE ON FUNCTION novels_search_changes(
    text[], bigint[], text, bigint, pg_snapshot, integer, bigint, integer, integer
) TO morpheus_app, morpheus_owner;
RESET ROLE;

-- migrate:down
SET LOCAL ROLE morpheus_loader;
DROP FUNCTION novels_search_changes(
    text[], bigint[], text, bigint, pg_snapshot, integer, bigint, integer, integer
);
RESET ROLE;
CALL row_change_triggers_drop('novels_searchdocument', 'novels_searchdocument_searched');
CALL row_change_triggers_drop('novels_novel', 'novels_novel_searched');
DROP TABLE novels_searchchange;
