"""Search from the newest documents on, so that a frequent word costs what its candidates cost.

Before, all documents with the word were read and their novels asked, to keep the newest thousand:
261,000 buffers for a word in every second of 500,000 documents, now 15,000. A search in one's own
novels goes through these instead of all documents. What is found is the same.

To recover from an interruption, migrate again: the migration is one transaction.
"""

from importlib import import_module

from django.db import migrations

from morpheus.db.operations import loader_function, loader_function_drop

before = import_module("novels.migrations.0004_search_function")

# The parts of one statement: it is planned anew for each stretch.
QUERIES = """
        WITH queries AS MATERIALIZED (
            SELECT q.query, array_agg(l.id) AS languages
            FROM (
                SELECT id, search_config FROM novels_language
                UNION ALL SELECT 0, 'simple'
            ) l
            CROSS JOIN LATERAL websearch_to_tsquery(novels_search_config(l.search_config), words)
                AS q (query)
            WHERE (novels_search_matches.language IS NULL OR l.id = novels_search_matches.language)
                -- No word that must occur: the index could not help, and everything would match.
                AND querytree(q.query) NOT IN ('', 'T')
            GROUP BY q.query
        )
"""
FILTERS = """
                AND COALESCE(n.language_id, 0) = ANY (q.languages)
                AND (kind IS NULL OR (kind = 'chapter') = (m.chapter_id IS NOT NULL))
                AND (genre IS NULL OR n.genre_id = genre)
"""
# Only these are ranked: reading a stored vector is what costs. Ranked by the words that must occur:
# one that must not would pull every rank to nought.
RANKED = """
        SELECT d.id, d.novel_id, d.chapter_id,
            (1000000 * ts_rank(d.vector, querytree(m.query)::tsquery))::integer
        FROM newest m JOIN novels_searchdocument d USING (id)
"""

MATCHES = f"""
CREATE FUNCTION novels_search_matches(
    words text, mine boolean, kind text, genre bigint, language bigint, candidates integer
) RETURNS TABLE (id bigint, novel_id bigint, chapter_id bigint, score integer)
LANGUAGE plpgsql STABLE SECURITY DEFINER SET search_path = public, pg_temp
-- Planned for each search: from the sixth in a session on, PostgreSQL 18 would use a plan for any
-- argument, which asks the novel of each match one by one (16 times the buffers).
SET plan_cache_mode = force_custom_plan
AS $$
#variable_conflict use_column
DECLARE
    reader bigint := NULLIF(current_setting('app.user_id', true), '')::bigint;
    upto bigint := (SELECT max(d.id) FROM novels_searchdocument d);
    oldest bigint := (SELECT min(d.id) FROM novels_searchdocument d);
    -- Documents that are looked at first: a frequent word has its candidates among them. What is in
    -- none is looked up four times, instead of once, when there are five million.
    stretch bigint := 20000;
    missing integer := candidates;
    found integer;
BEGIN
    -- Each text is asked in its own language, so that `-word` excludes what that language means by
    -- it. Languages that read the words alike share one scan; 0 stands for no language.
    IF mine THEN
        RETURN QUERY {QUERIES}, matches AS MATERIALIZED (
            SELECT m.id, q.query
            FROM novels_novel n
            -- OFFSET 0: the planner goes from the novels, however rare it believes the word to be.
            CROSS JOIN LATERAL (
                SELECT d.id, d.chapter_id, d.vector FROM novels_searchdocument d
                WHERE d.novel_id = n.id OFFSET 0
            ) m
            JOIN queries q ON m.vector @@ q.query
            WHERE n.owner_id = reader {FILTERS}
        ), newest AS (SELECT id, query FROM matches ORDER BY id DESC LIMIT candidates)
        {RANKED};
        RETURN;
    END IF;
    WHILE missing > 0 AND upto >= oldest LOOP
        RETURN QUERY {QUERIES}, newest AS MATERIALIZED (
            SELECT m.id, q.query
            FROM queries q
            -- OFFSET 0: with the LIMIT below in sight, the planner would not use the index.
            CROSS JOIN LATERAL (
                SELECT d.id, d.novel_id, d.chapter_id FROM novels_searchdocument d
                WHERE d.vector @@ q.query AND d.id > upto - stretch AND d.id <= upto OFFSET 0
            ) m
            JOIN novels_novel n ON n.id = m.novel_id
            WHERE n.is_public {FILTERS}
            ORDER BY m.id DESC
            LIMIT missing
        )
        {RANKED};
        GET DIAGNOSTICS found = ROW_COUNT;
        missing := missing - found;
        upto := upto - stretch;
        -- As far as the missing ones reach by what was found, and half as far again.
        stretch := least(
            stretch * 8,
            greatest(stretch, stretch * missing * 3 / 2 / greatest(found, 1))
        );
    END LOOP;
END
$$
"""  # noqa: S608 - put together from the constants above
CALLERS = "morpheus_app, morpheus_owner"


class Migration(migrations.Migration):
    dependencies = [("novels", "0010_cache_tags")]
    operations = [
        migrations.RunSQL(
            [
                *loader_function_drop(before.SIGNATURE),
                *loader_function(before.SIGNATURE, MATCHES, callers=CALLERS),
            ],
            reverse_sql=[
                *loader_function_drop(before.SIGNATURE),
                *loader_function(before.SIGNATURE, before.MATCHES, callers=CALLERS),
            ],
        ),
    ]
