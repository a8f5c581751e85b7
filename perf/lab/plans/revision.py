"""What no request asks without a cache: how a kept search is brought up to date."""

from __future__ import annotations

from django.db import connection

from novels.finding import (
    CHANGED_PER_KNOWN,
    MAX_CANDIDATES,
    SPARE_CANDIDATES,
    Candidate,
    Found,
    Search,
)
from perf.lab.plans.capture import Statement, captured

# A snapshot that sees nobody's transaction, and a transaction that everybody else sees.
_FIRST_MOMENT, _LONG_AGO = "3:3:", 3

_NOTES = """
INSERT INTO novels_searchchange (novel_id, changed, changed_whole)
SELECT id, %(at)s::text::xid8, %(at)s::text::xid8
FROM novels_novel WHERE is_public ORDER BY id LIMIT %(count)s
ON CONFLICT (novel_id) DO UPDATE SET changed = excluded.changed, changed_whole = excluded.changed
"""


def revisions() -> list[Statement]:
    """Return what is asked when as many novels changed as are looked at, where most is known.

    And where nothing is. In a transaction to be rolled back: notes that they changed stay behind.
    """
    most = MAX_CANDIDATES + SPARE_CANDIDATES
    with connection.cursor() as cursor:
        cursor.execute("DELETE FROM novels_searchchange")
        cursor.execute(_NOTES, {"at": _LONG_AGO, "count": CHANGED_PER_KNOWN * most})
    search = Search("the")
    asked = search.find().asked
    one_of_many = Candidate(id=1, score=1, novel_id=1, chapter_id=None)
    with captured() as statements:
        search.find_again(Found(_FIRST_MOMENT, asked, 1, [one_of_many] * most))
        search.find_again(Found(_FIRST_MOMENT, asked, 0, []))
    return statements
