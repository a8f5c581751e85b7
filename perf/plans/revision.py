"""What no request asks without a cache: how a kept search is brought up to date."""

from __future__ import annotations

from django.db import connection

from novels.finding import CHANGED_NOVELS, Found, Search
from perf.plans.capture import Statement, captured

# A snapshot that sees nobody's transaction, and a transaction that everybody else sees.
_FIRST_MOMENT, _LONG_AGO = "3:3:", 3

_NOTES = """
INSERT INTO novels_searchchange (novel_id, changed, changed_whole)
SELECT id, %(at)s::text::xid8, %(at)s::text::xid8
FROM novels_novel WHERE is_public ORDER BY id LIMIT %(count)s
ON CONFLICT (novel_id) DO UPDATE SET changed = excluded.changed, changed_whole = excluded.changed
"""


def revision() -> Statement:
    """Return what is asked when as many novels changed as are looked at where little is found.

    In a transaction to be rolled back: notes that they changed stay behind.
    """
    with connection.cursor() as cursor:
        cursor.execute("DELETE FROM novels_searchchange")
        cursor.execute(_NOTES, {"at": _LONG_AGO, "count": CHANGED_NOVELS})
    with captured() as statements:
        Search("the").find_again(Found(_FIRST_MOMENT, 0, []))
    [statement] = statements
    return statement
