"""Bring a kept search up to date by what it asks for, not by all that changed.

Before, the documents of each novel that changed since were read, so a search that is asked for
rarely was searched anew: a hundred changes of anything cost as much as a rare word. Now few changes
are read from their novels, many are met with what the index finds.

No statement depends on what PostgreSQL believes of how many documents there are.

A kept search brings its queries along, too: to make them of its words in sixteen languages took as
long as all the rest.

To recover from an interruption, migrate again: the migration is one transaction.
"""

from importlib import import_module

from django.db import migrations

from morpheus.db.operations import loader_function, loader_function_drop, replaced

named = import_module("novels.migrations.0004_search_function")
newest = import_module("novels.migrations.0011_search_from_the_newest")
before = import_module("novels.migrations.0014_search_changes")

# Each text is asked in its own language, so that `-word` excludes what that language means by it.
# 0 stands for no language.
ASKED = """
CREATE FUNCTION novels_search_queries(words text, language bigint)
RETURNS TABLE (language_id bigint, query tsquery)
LANGUAGE sql STABLE
AS $$
    SELECT l.id, q.query
    FROM (
        SELECT id, search_config FROM novels_language
        UNION ALL SELECT 0, 'simple'
    ) l
    CROSS JOIN LATERAL websearch_to_tsquery(novels_search_config(l.search_config), words)
        AS q (query)
    WHERE (novels_search_queries.language IS NULL OR l.id = novels_search_queries.language)
        -- No word that must occur: the index could not help, and everything would match.
        AND querytree(q.query) NOT IN ('', 'T')
$$
"""

# Languages that read the words alike share one scan.
QUERIES = """
        WITH queries AS MATERIALIZED (
            SELECT a.query, array_agg(a.language_id) AS languages
            FROM {asked}
            GROUP BY a.query
        )
"""
OF_WORDS = QUERIES.format(
    asked="novels_search_queries(novels_search_matches.words, novels_search_matches.language) a"
)
KEPT = QUERIES.format(asked="unnest(queries::tsquery[], languages) a (query, language_id)")

RANK = "(1000000 * ts_rank(m.vector, querytree({query})::tsquery))::integer"
CHANGED = """
            SELECT unnest(own) AS novel_id, false AS is_whole
            UNION ALL SELECT unnest(whole), true
"""

SIGNATURE = (
    "novels_search_changes"
    "(text[], bigint[], text, bigint, pg_snapshot, integer, bigint, integer, integer)"
)
SINCE = f"""
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
        COALESCE(array_agg(s.novel_id) FILTER (WHERE s.is_whole), '{{}}'),
        COALESCE(array_agg(s.novel_id) FILTER (WHERE NOT s.is_whole), '{{}}')
    INTO many, whole, own
    FROM (
        SELECT c.novel_id, NOT pg_visible_in_snapshot(c.changed_whole, since) AS is_whole
        FROM novels_searchchange c
        WHERE c.changed >= pg_snapshot_xmin(since) AND NOT pg_visible_in_snapshot(c.changed, since)
            -- A transaction that is yet to come: the database was restored from another cluster's.
            AND c.changed < pg_snapshot_xmax(pg_current_snapshot())
    ) s;
    IF horizon > 0 AND many > most THEN
        RETURN;  -- Nothing is said: it is searched anew.
    END IF;
    RETURN NEXT;
    -- OFFSET 0, below: from what is few to what is asked of it, however rare the words may be. So
    -- no plan depends on the arguments, and those that PostgreSQL keeps are right.
    IF many = 0 THEN
        RETURN;
    ELSIF horizon > 0 OR many <= known THEN
        RETURN QUERY {KEPT}
        SELECT NULL::bigint[], NULL::bigint[], d.id, s.novel_id, d.chapter_id, d.score
        FROM ({CHANGED}) s
        CROSS JOIN LATERAL (
            SELECT m.id, m.chapter_id, {RANK.format(query="q.query")} AS score
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
        -- All that matches is about as much as was known.
        RETURN QUERY {KEPT}
        SELECT NULL::bigint[], NULL::bigint[], m.id, m.novel_id, m.chapter_id,
            {RANK.format(query="m.query")}
        FROM (
            SELECT d.id, d.novel_id, d.chapter_id, d.vector, q.query, q.languages
            FROM queries q
            CROSS JOIN LATERAL (
                SELECT * FROM novels_searchdocument o WHERE o.vector @@ q.query OFFSET 0
            ) d
            JOIN ({CHANGED}) s
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
$$
"""  # noqa: S608 - put together from the constants above


# Looked up one by one: where statistics are of when the table was empty, PostgreSQL might as well
# read all documents for each.
BY_KEY = """
        FROM newest m CROSS JOIN LATERAL (
            SELECT * FROM novels_searchdocument WHERE id = m.id OFFSET 0
        ) d
"""


MATCHES = replaced(
    before.MATCHES,
    (newest.QUERIES, OF_WORDS),
    ("        FROM newest m JOIN novels_searchdocument d USING (id)\n", BY_KEY.lstrip("\n")),
    times=3,
)
SIGNATURE_BEFORE = "novels_search_changes(text, text, bigint, bigint, pg_snapshot, integer)"


class Migration(migrations.Migration):
    dependencies = [("novels", "0014_search_changes")]
    operations = [
        migrations.RunSQL(
            [
                ASKED,
                *loader_function_drop(SIGNATURE_BEFORE),
                *loader_function(SIGNATURE, SINCE, callers=newest.CALLERS),
                *loader_function_drop(named.SIGNATURE),
                *loader_function(named.SIGNATURE, MATCHES, callers=newest.CALLERS),
            ],
            reverse_sql=[
                *loader_function_drop(named.SIGNATURE),
                *loader_function(named.SIGNATURE, before.MATCHES, callers=newest.CALLERS),
                *loader_function_drop(SIGNATURE),
                *loader_function(SIGNATURE_BEFORE, before.SINCE, callers=newest.CALLERS),
                "DROP FUNCTION novels_search_queries(text, bigint)",
            ],
        ),
    ]
