"""Note whose search documents changed and when, so that a kept search can be brought up to date.

A search that is kept says of which moment it is, as a snapshot of transactions. What changed since
is what a transaction noted here that the snapshot does not see: exact, whatever the order in which
transactions began and committed. Of each novel only its last changes are noted, so nothing has to
be thrown away; one that is deleted leaves its note.

Searches without a filter ask for the novel of each match by its key: a plan that reads all novels
is right for the matches that PostgreSQL expects of any word, and reads a million for a rare one.
And they look at fewer documents first: a word in every eighth had three times its candidates among
20,000.

To recover from an interruption, migrate again: the migration is one transaction.
"""

from importlib import import_module

from django.db import migrations

from morpheus.db.operations import (
    loader_function,
    loader_function_drop,
    owned_by_loader,
    replaced,
)
from morpheus.db.triggers import changed, noted_changes

named = import_module("novels.migrations.0004_search_function")
before = import_module("novels.migrations.0011_search_from_the_newest")

# `changed_whole` is for its chapters' documents, too; else only the novel's own changed.
CHANGES = """
CREATE TABLE novels_searchchange (
    novel_id bigint PRIMARY KEY,
    changed xid8 NOT NULL,
    changed_whole xid8 NOT NULL
)
"""
NOTE = """
INSERT INTO novels_searchchange AS noted (novel_id, changed, changed_whole)
SELECT side.novel_id, pg_current_xact_id(),
    CASE WHEN bool_or({whole}) THEN pg_current_xact_id() ELSE '0' END
{changes}
GROUP BY side.novel_id
-- In one order, so that two who change the same novels wait for each other and never in a circle.
ORDER BY side.novel_id
ON CONFLICT (novel_id) DO UPDATE SET
    changed = excluded.changed,
    changed_whole = greatest(noted.changed_whole, excluded.changed_whole)
"""
# A novel without documents has nothing to be found: a new one is noted with its documents.
OF_NOVELS = NOTE.format(
    whole="true",
    changes=f"""
FROM old_rows o FULL JOIN new_rows n USING (id)
CROSS JOIN LATERAL (VALUES (id)) side (novel_id)
WHERE (o.is_public OR n.is_public) AND {changed("is_public", "genre_id", "language_id")}
""",
)
OF_DOCUMENTS = NOTE.format(
    whole="side.chapter_id IS NOT NULL",
    changes=f"""
FROM old_rows o FULL JOIN new_rows n USING (id)
CROSS JOIN LATERAL (VALUES (o.novel_id, o.chapter_id), (n.novel_id, n.chapter_id))
    side (novel_id, chapter_id)
JOIN novels_novel novel ON novel.id = side.novel_id
WHERE novel.is_public AND {changed("novel_id", "chapter_id", "vector")}
""",
)

# What matches now of the novels that changed since; a novel of which nothing does, with NULLs.
SINCE = """
CREATE FUNCTION novels_search_changes(
    words text, kind text, genre bigint, language bigint, since pg_snapshot, novels integer
) RETURNS TABLE (
    novel_id bigint, is_whole boolean, id bigint, chapter_id bigint, score integer
)
LANGUAGE plpgsql STABLE SECURITY DEFINER SET search_path = public, pg_temp
AS $$
#variable_conflict use_column
BEGIN
    RETURN QUERY {queries}, changes AS MATERIALIZED (
        SELECT s.novel_id, NOT pg_visible_in_snapshot(s.changed_whole, since) AS is_whole
        FROM novels_searchchange s
        WHERE s.changed >= pg_snapshot_xmin(since) AND NOT pg_visible_in_snapshot(s.changed, since)
            -- A transaction that is yet to come: the database was restored from another cluster's.
            AND s.changed < pg_snapshot_xmax(pg_current_snapshot())
        LIMIT novels
    )
    SELECT s.novel_id, s.is_whole, d.id, d.chapter_id, d.score
    FROM changes s
    -- OFFSET 0: from the few novels to their documents, however rare the words may be.
    LEFT JOIN LATERAL (
        SELECT m.id, m.chapter_id,
            (1000000 * ts_rank(m.vector, querytree(q.query)::tsquery))::integer AS score
        FROM (SELECT * FROM novels_novel WHERE id = s.novel_id AND is_public OFFSET 0) n
        JOIN queries q ON COALESCE(n.language_id, 0) = ANY (q.languages)
        CROSS JOIN LATERAL (
            SELECT * FROM novels_searchdocument
            WHERE novel_id = n.id AND (s.is_whole OR chapter_id IS NULL) OFFSET 0
        ) m
        WHERE m.vector @@ q.query
            AND (kind IS NULL OR (kind = 'chapter') = (m.chapter_id IS NOT NULL))
            AND (genre IS NULL OR n.genre_id = genre)
        OFFSET 0
    ) d ON true;
END
$$
""".format(queries=before.QUERIES.replace("novels_search_matches.", "novels_search_changes."))

# Without a filter nearly every match is of a public novel, so few more are asked than are found.
BY_KEY = f"""
        IF genre IS NULL AND language IS NULL THEN
            RETURN QUERY {before.QUERIES}, newest AS MATERIALIZED (
                SELECT m.id, q.query
                FROM queries q
                CROSS JOIN LATERAL (
                    SELECT d.id, d.novel_id, d.chapter_id FROM novels_searchdocument d
                    WHERE d.vector @@ q.query AND d.id > upto - stretch AND d.id <= upto OFFSET 0
                ) m
                CROSS JOIN LATERAL (
                    SELECT o.language_id FROM novels_novel o
                    WHERE o.id = m.novel_id AND o.is_public OFFSET 0
                ) n
                WHERE COALESCE(n.language_id, 0) = ANY (q.languages)
                    AND (kind IS NULL OR (kind = 'chapter') = (m.chapter_id IS NOT NULL))
                ORDER BY m.id DESC
                LIMIT missing
            )
            {before.RANKED};
        ELSE
"""


MATCHES = replaced(
    before.MATCHES,
    (
        "WHILE missing > 0 AND upto >= oldest LOOP\n",
        f"WHILE missing > 0 AND upto >= oldest LOOP{BY_KEY}",
    ),
    ("        GET DIAGNOSTICS", "        END IF;\n        GET DIAGNOSTICS"),
    (
        """\
    -- Documents that are looked at first: a frequent word has its candidates among them. What is in
    -- none is looked up four times, instead of once, when there are five million.
    stretch bigint := 20000;""",
        """\
    -- Documents that are looked at first: of a frequent word they tell how far its candidates
    -- reach. What is in none is looked up three times, instead of once, in 16 million.
    stretch bigint := 4000;""",
    ),
    ("stretch * 8,", "stretch * 64,"),
)


class Migration(migrations.Migration):
    dependencies = [("novels", "0013_search_documents_for_staff")]
    operations = [
        migrations.RunSQL(
            [
                CHANGES,
                "CREATE INDEX novels_searchchange_changed_idx ON novels_searchchange (changed)",
            ],
            reverse_sql=["DROP TABLE novels_searchchange"],
        ),
        noted_changes("novels_novel", "novels_novel_searched", OF_NOVELS, on=("UPDATE", "DELETE")),
        noted_changes("novels_searchdocument", "novels_searchdocument_searched", OF_DOCUMENTS),
        owned_by_loader(
            "novels_search_changes(text, text, bigint, bigint, pg_snapshot, integer)",
            SINCE,
            callers="morpheus_app, morpheus_owner",
        ),
        migrations.RunSQL(
            [
                *loader_function_drop(named.SIGNATURE),
                *loader_function(named.SIGNATURE, MATCHES, callers=before.CALLERS),
            ],
            reverse_sql=[
                *loader_function_drop(named.SIGNATURE),
                *loader_function(named.SIGNATURE, before.MATCHES, callers=before.CALLERS),
            ],
        ),
    ]
