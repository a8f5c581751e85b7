"""Pages of joined rows, found before they are joined."""

from __future__ import annotations

from typing import Any

from django.db.models import QuerySet


def found_first(rows: QuerySet[Any], count: int) -> QuerySet[Any]:
    """Return the first `count` of ordered rows, found by their own table alone, then joined.

    Of rows that it believes to be few, the planner joins all and sorts them, whatever the limit:
    an owner with 500 comics would cost a thousand buffers a page. Where nothing is joined, or a
    filter already needs the join, it is the plain query.
    """
    if not rows.query.select_related or not _reads_one_table(rows):
        return rows[:count]
    keys = rows.select_related(None).prefetch_related(None).values("pk")[:count]
    joined = rows.all()
    # The keys say it all; a condition said again would be one more way to go wrong.
    joined.query.clear_where()
    return joined.filter(pk__in=keys)


def _reads_one_table(rows: QuerySet[Any]) -> bool:
    """Tell whether filters, ordering and annotations join, group and merge nothing."""
    query = rows.query
    tables = [alias for alias, uses in query.alias_refcount.items() if uses]
    return len(tables) <= 1 and query.group_by is None and not query.distinct
