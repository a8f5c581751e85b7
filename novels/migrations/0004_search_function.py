"""Full-text search that keeps its index under row level security.

`@@` is not leakproof, so under RLS it may not be an index condition (TRAPS 6.1). This function runs
as the loader, whom RLS does not bind, and repeats the visibility rules itself: public novels, or
those of the transaction's own identity, which a caller cannot choose by an argument.

To recover from an interruption, migrate again: the migration is one transaction.
"""

from django.db import migrations

CREATE = """
CREATE FUNCTION novels_search_matches(
    query tsquery, mine boolean, kind text, genre bigint, language bigint, candidates integer
) RETURNS TABLE (id bigint, novel_id bigint, chapter_id bigint, score integer)
LANGUAGE sql STABLE SECURITY DEFINER SET search_path = public, pg_temp
AS $$
    -- Materialized: with a LIMIT in sight the planner would walk the primary key instead.
    WITH matching AS MATERIALIZED (
        SELECT d.id, d.novel_id, d.chapter_id
        FROM novels_searchdocument d
        WHERE d.vector @@ query AND querytree(query) NOT IN ('', 'T')
    ), newest AS MATERIALIZED (
        SELECT m.id
        FROM matching m JOIN novels_novel n ON n.id = m.novel_id
        WHERE CASE WHEN mine
                THEN n.owner_id = NULLIF(current_setting('app.user_id', true), '')::bigint
                ELSE n.is_public END
            AND (novels_search_matches.kind IS NULL
                OR (novels_search_matches.kind = 'chapter') = (m.chapter_id IS NOT NULL))
            AND (genre IS NULL OR n.genre_id = genre)
            AND (language IS NULL OR n.language_id = language)
        ORDER BY m.id DESC
        LIMIT candidates
    )
    SELECT d.id, d.novel_id, d.chapter_id, (1000000 * ts_rank(d.vector, query))::integer
    FROM newest JOIN novels_searchdocument d USING (id)
$$
"""
SIGNATURE = "novels_search_matches(tsquery, boolean, text, bigint, bigint, integer)"


class Migration(migrations.Migration):
    dependencies = [("novels", "0003_row_level_security")]
    operations = [
        migrations.RunSQL(
            [
                CREATE,
                f"REVOKE ALL ON FUNCTION {SIGNATURE} FROM PUBLIC",
                f"GRANT EXECUTE ON FUNCTION {SIGNATURE} TO morpheus_app, morpheus_owner",
                f"ALTER FUNCTION {SIGNATURE} OWNER TO morpheus_loader",
            ],
            # The loader owns it; the owner may become the loader.
            reverse_sql=[
                "SET LOCAL ROLE morpheus_loader",
                f"DROP FUNCTION {SIGNATURE}",
                "RESET ROLE",
            ],
        )
    ]
