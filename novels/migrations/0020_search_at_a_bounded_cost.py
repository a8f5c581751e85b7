"""Bound what a search and an upload cost, however hostile a text or a query is.

Before, each of these took minutes:

- ts_headline over 50,000 characters with thousands of matches, and over any text for a query of
  many alternatives (`a b or a b or …`): their combinations are all tried. It now reads one or two
  passages, and a query that is cheap to show.
- ts_rank of many words that stand next to each other: all pairs of their positions are compared, in
  each of a thousand texts. More than two words are now ranked one by one.
- to_tsvector of long runs without a space (`a_a_a_…`) and of `<!--`: PostgreSQL's parser reads the
  rest of the run again at each character.

Documents that exist stay as they are; the new ones differ in runs of more than 64 characters and in
what stands in angle brackets, which is now found.

To recover from an interruption, migrate again: the migration is one transaction.
"""

from importlib import import_module

from django.db import migrations

from morpheus.db.operations import loader_function, loader_function_drop, replaced

named = import_module("novels.migrations.0004_search_function")
newest = import_module("novels.migrations.0011_search_from_the_newest")
before = import_module("novels.migrations.0015_search_changes_from_the_index")

# The parser takes both control characters for blanks; a snippet shows `<` for the first and nothing
# for the second.
PLAIN = r"""
CREATE FUNCTION novels_search_plain(content text) RETURNS text
LANGUAGE sql IMMUTABLE
AS $$
    SELECT regexp_replace(replace(content, '<', E'\x01'), '\S{64}', E'\\&\x04', 'g')
$$
"""

# Each word that must or may occur, quoted as a query of its own.
WORDS = r"""
CREATE FUNCTION novels_search_words(query tsquery) RETURNS text[]
LANGUAGE sql IMMUTABLE
AS $$
    SELECT COALESCE(array_agg(DISTINCT trim(word, '( )')), '{}')
    FROM regexp_split_to_table(querytree(query), ' (?:[&|]|<(?:-|\d+)>) ') word
    WHERE querytree(query) NOT IN ('', 'T')
$$
"""

# The words that must occur; one that must not would pull every rank to nought.
RANKED = """
CREATE FUNCTION novels_search_ranked(query tsquery) RETURNS tsquery
LANGUAGE sql IMMUTABLE
AS $$
    SELECT CASE
        WHEN numnode(querytree(query)::tsquery) <= 3 THEN querytree(query)::tsquery
        ELSE array_to_string(novels_search_words(query), ' | ')::tsquery
    END
$$
"""

# Alternatives, repeated words and very many of them are what ts_headline takes long for.
SHOWN = """
CREATE FUNCTION novels_search_shown(query tsquery) RETURNS tsquery
LANGUAGE sql IMMUTABLE
AS $$
    SELECT CASE
        WHEN numnode(query) = 2 * cardinality(words) - 1 AND cardinality(words) <= 16
            AND strpos(query::text, '|') = 0 THEN query
        ELSE array_to_string(words, ' | ')::tsquery
    END
    FROM novels_search_words(query) words
$$
"""

# The first passage that matches; where none does, the first one with any of the words and the first
# one with another; else the beginning. And what to mark in it.
EXCERPT = r"""
CREATE FUNCTION novels_search_excerpt(
    config regconfig, content text, query tsquery, OUT excerpt text, OUT shown tsquery
)
LANGUAGE plpgsql STABLE
AS $$
DECLARE
    size CONSTANT integer := 1500;
    -- Passages overlap, so that no word and no short phrase is cut in all of them.
    step CONSTANT integer := 1400;
    rest text := content;
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
        passage := novels_search_plain(passage);
        -- No half words.
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
    shown := array_to_string(marked, ' & ')::tsquery;
END
$$
"""

# How a query ranks is decided once, not for each document.
ONCE = ("SELECT a.query, ", "SELECT a.query, novels_search_ranked(a.query) AS ranked, ")
MATCHES = replaced(
    replaced(
        before.MATCHES,
        ONCE,
        ("SELECT m.id, q.query\n", "SELECT m.id, q.ranked\n"),
        ("ts_rank(d.vector, querytree(m.query)::tsquery)", "ts_rank(d.vector, m.ranked)"),
        times=3,
    ),
    ("newest AS (SELECT id, query FROM", "newest AS (SELECT id, ranked FROM"),
)
SINCE = replaced(
    replaced(before.SINCE, ONCE, times=2),
    ("ts_rank(m.vector, querytree(q.query)::tsquery)", "ts_rank(m.vector, q.ranked)"),
    ("d.vector, q.query, q.languages", "d.vector, q.ranked, q.languages"),
    ("ts_rank(m.vector, querytree(m.query)::tsquery)", "ts_rank(m.vector, m.ranked)"),
)


def again(matches: str, since: str) -> list[str]:
    """Return the statements that replace both functions of the loader."""
    return [
        *loader_function_drop(named.SIGNATURE),
        *loader_function(named.SIGNATURE, matches, callers=newest.CALLERS),
        *loader_function_drop(before.SIGNATURE),
        *loader_function(before.SIGNATURE, since, callers=newest.CALLERS),
    ]


class Migration(migrations.Migration):
    dependencies = [("novels", "0019_owners_uploads_from_an_index")]
    operations = [
        migrations.RunSQL(
            [PLAIN, WORDS, RANKED, SHOWN, EXCERPT, *again(MATCHES, SINCE)],
            reverse_sql=[
                *again(before.MATCHES, before.SINCE),
                "DROP FUNCTION novels_search_excerpt(regconfig, text, tsquery)",
                "DROP FUNCTION novels_search_shown(tsquery)",
                "DROP FUNCTION novels_search_ranked(tsquery)",
                "DROP FUNCTION novels_search_words(tsquery)",
                "DROP FUNCTION novels_search_plain(text)",
            ],
        ),
    ]
