"""Change lists of tables that are too big to count, to search by `LIKE` or to sort freely."""

from __future__ import annotations

from functools import cached_property
from typing import Any

from django.contrib.admin.views.main import ChangeList
from django.core.paginator import Paginator
from django.db import connection
from django.db.models import F, Lookup, Q, QuerySet

# Staff search instead of paging beyond so many rows. It bounds the count and the depth of pages.
MAX_LISTED = 5_000


class CappedCount(int):
    """A count that stopped at a limit; displayed as "5,000+"."""

    def __str__(self) -> str:
        return f"{int(self):,}+"


class CappedPaginator(Paginator[Any]):
    """Counts up to `MAX_LISTED`: 1 query, some 50 buffers in the biggest table."""

    @cached_property
    def count(self) -> int:
        rows: Any = self.object_list
        number = rows.order_by()[: MAX_LISTED + 1].count()
        return CappedCount(MAX_LISTED) if number > MAX_LISTED else int(number)


class LightChangeList(ChangeList):
    """Reads neither columns in `list_defer` nor the choices of filters twice."""

    _filters: tuple[Any, ...] | None = None

    def get_filters(self, request: Any) -> Any:
        # Django calls this again for an action; the filters would read their choices again.
        if self._filters is None:
            self._filters = super().get_filters(request)
        return self._filters

    def get_results(self, request: Any) -> None:
        """Read the keys of a page from their own table first, then join to these.

        In a single query, the conditions of row level security make the planner expect some 40
        users, and it joins all of their rows before it sorts: 405,000 buffers for 50 of 100,000
        comics. With known keys it may still begin with the users, so the join order is fixed.
        """
        super().get_results(request)
        page: Any = self.result_list
        keys = list(page.select_related(None).values_list("pk", flat=True))
        self.result_list = self.queryset.filter(pk__in=keys)
        with connection.cursor() as cursor:
            cursor.execute("SELECT set_config('join_collapse_limit', '1', true)")

    def get_queryset(self, request: Any, exclude_parameters: Any = None) -> QuerySet[Any]:
        rows = super().get_queryset(request, exclude_parameters)
        return rows.defer(*self.model_admin.list_defer)  # type: ignore[attr-defined]


class StartsWith(Lookup[bool]):
    """`column ^@ text`.

    Unlike `LIKE` it is leakproof, so an index serves it under row level security: 1 ms where LIKE
    reads 12,000 novels in 5 ms.
    """

    prepare_rhs = False

    def as_sql(self, compiler: Any, connection: Any) -> tuple[str, tuple[Any, ...]]:
        column, column_params = self.process_lhs(compiler, connection)
        text, text_params = self.process_rhs(compiler, connection)
        return f"{column} ^@ {text}", (*column_params, *text_params)


def filter_by_term(
    rows: QuerySet[Any],
    term: str,
    *,
    numbers: tuple[str, ...],
    prefixes: tuple[str, ...],
    email: str | None,
) -> QuerySet[Any]:
    """Return the rows that match a search term; an index serves every condition.

    Args:
        term: An e-mail address if it contains an @, else a number or a prefix.
        numbers: Columns to compare with a number.
        prefixes: Columns to compare with the prefix, as it is and with a capital.
        email: Path to the e-mail address of the row's owner, compared as a whole.
    """
    if email and "@" in term:
        return rows.filter(**{email: term.lower()})
    condition = Q()
    if term.isascii() and term.isdigit() and len(term) <= 18:
        for column in numbers:
            condition |= Q(**{column: int(term)})
    for column in prefixes:
        for prefix in {term, term[:1].upper() + term[1:]}:
            condition |= Q(StartsWith(F(column), prefix))
    return rows.filter(condition) if condition else rows.none()
