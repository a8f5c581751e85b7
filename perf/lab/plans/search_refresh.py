"""Statements that no request sends without a cache: the refresh of a cached search."""

from __future__ import annotations

from django.db import connection

from novels.search.matches import MAX_CANDIDATES, SPARE_CANDIDATES, Candidate, Matches
from novels.search.query import CHANGED_PER_KNOWN, Search
from perf.lab.plans.capture import Statement, capture_statements

# A snapshot before all transactions, and a transaction that every other snapshot sees.
_FIRST_SNAPSHOT, _LONG_AGO = "3:3:", 3

_CHANGES = """
INSERT INTO novels_searchchange (novel_id, changed, changed_whole)
SELECT id, %(at)s::text::xid8, %(at)s::text::xid8
FROM novels_novel WHERE is_public ORDER BY id LIMIT %(count)s
ON CONFLICT (novel_id) DO UPDATE SET changed = excluded.changed, changed_whole = excluded.changed
"""


def refresh_statements() -> list[Statement]:
    """Return the statements when most candidates are known, and when none is.

    As many novels have changed as a refresh reads at most. The caller's transaction is to be
    rolled back, because the notes of these changes stay.
    """
    most = MAX_CANDIDATES + SPARE_CANDIDATES
    with connection.cursor() as cursor:
        cursor.execute("DELETE FROM novels_searchchange")
        cursor.execute(_CHANGES, {"at": _LONG_AGO, "count": CHANGED_PER_KNOWN * most})
    search = Search("the")
    queries = search.match().queries
    candidate = Candidate(id=1, score=1, novel_id=1, chapter_id=None)
    with capture_statements() as statements:
        search.refresh(Matches(_FIRST_SNAPSHOT, queries, 1, [candidate] * most))
        search.refresh(Matches(_FIRST_SNAPSHOT, queries, 0, []))
    return statements
