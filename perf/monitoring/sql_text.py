"""Statements as people read them."""

from __future__ import annotations

import re

# Where a line of a statement begins.
_CLAUSES = (
    "FROM|INNER JOIN|LEFT OUTER JOIN|LEFT JOIN|CROSS JOIN|WHERE|GROUP BY|ORDER BY|LIMIT|SET"
    "|VALUES|RETURNING|FOR"
)
_LINES = re.compile(rf" (?=(?:{_CLAUSES})\b)")
_LISTS = re.compile(r"IN \(%s(?:, %s)+\)")


def sql_text(sql: str) -> str:
    """Return a statement on lines of their clauses; parameters stay unknown, lists are short."""
    flat = _LISTS.sub("IN (%s, …)", " ".join(sql.split()))
    return _LINES.sub("\n", flat).replace('"', "")
