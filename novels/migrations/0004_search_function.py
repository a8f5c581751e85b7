"""Full-text search that keeps its index under row level security.

`@@` is not leakproof, so under RLS it may not be an index condition. The function runs
as the loader, whom RLS does not bind, and repeats the visibility rules itself: public novels, or
those of the transaction's own identity, which a caller cannot choose by an argument.

To recover from an interruption, migrate again: the migration is one transaction.
"""

from django.db import migrations

# A language's configuration may be mistyped in the admin: its texts are then indexed word by word.
CONFIG = """
CREATE FUNCTION novels_search_config(name text) RETURNS regconfig
LANGUAGE sql STABLE
AS $$
    SELECT COALESCE(
        (SELECT oid FROM pg_ts_config WHERE cfgname = name AND pg_ts_config_is_visible(oid)),
        'simple'::regconfig
    )::regconfig
$$
"""

MATCHES = """
CREATE FUNCTION novels_search_matches(
    words text, mine boolean, kind text, genre bigint, language bigint, candidates integer
) RETURNS TABLE (id bigint, novel_id bigint, chapter_id bigint, score integer)
LANGUAGE sql STABLE SECURITY DEFINER SET search_path = public, pg_temp
-- Planned for each search: from the sixth in a session on, PostgreSQL 18 would use a plan for any
-- argument, which asks the novel of each match one by one (16 times the buffers).
SET plan_cache_mode = force_custom_plan
AS $$
    -- Each text is asked in its own language, so that `-word` excludes what that language means
    -- by it. Languages that read the words alike share one scan; 0 stands for no language.
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
    ), newest AS MATERIALIZED (
        SELECT m.id, q.query
        FROM queries q
        -- OFFSET 0: with the LIMIT below in sight, the planner would walk the primary key instead.
        CROSS JOIN LATERAL (
            SELECT d.id, d.novel_id, d.chapter_id FROM novels_searchdocument d
            WHERE d.vector @@ q.query OFFSET 0
        ) m
        JOIN novels_novel n ON n.id = m.novel_id
        WHERE CASE WHEN mine
                THEN n.owner_id = NULLIF(current_setting('app.user_id', true), '')::bigint
                ELSE n.is_public END
            AND COALESCE(n.language_id, 0) = ANY (q.languages)
            AND (novels_search_matches.kind IS NULL
                OR (novels_search_matches.kind = 'chapter') = (m.chapter_id IS NOT NULL))
            AND (genre IS NULL OR n.genre_id = genre)
        ORDER BY m.id DESC
        LIMIT candidates
    )
    -- Only these are ranked: reading a stored vector is what costs. Ranked by the words
    -- that must occur: one that must not would pull every rank to nought.
    SELECT d.id, d.novel_id, d.chapter_id,
        (1000000 * ts_rank(d.vector, querytree(m.query)::tsquery))::integer
    FROM newest m JOIN novels_searchdocument d USING (id)
$$
"""
SIGNATURE = "novels_search_matches(text, boolean, text, bigint, bigint, integer)"


class Migration(migrations.Migration):
    dependencies = [("novels", "0003_row_level_security")]
    operations = [
        migrations.RunSQL(CONFIG, reverse_sql="DROP FUNCTION novels_search_config(text)"),
        migrations.RunSQL(
            [
                MATCHES,
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
        ),
    ]
