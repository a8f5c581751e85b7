"""Change lists of tables that are too big to count, to search by `LIKE` or to sort at will."""

from __future__ import annotations

from functools import cached_property
from typing import Any

from django.contrib.admin.views.main import ChangeList
from django.core.paginator import Paginator
from django.db import connection
from django.db.models import F, Lookup, Model, Q, QuerySet

# Beyond this many rows operators search instead of turning pages. It bounds the counting and, with
# it, how deep a page can lie.
MAX_LISTED = 5_000


class CappedCount(int):
    """A count that stopped; shown as «5,000+»."""

    def __str__(self) -> str:
        return f"{int(self):,}+"


class CappedPaginator(Paginator[Any]):
    """Counts to `MAX_LISTED` and stops: 1 query, some 50 buffers in the biggest table."""

    @cached_property
    def count(self) -> int:
        rows: Any = self.object_list
        found = rows.order_by()[: MAX_LISTED + 1].count()
        return CappedCount(MAX_LISTED) if found > MAX_LISTED else int(found)


class LightChangeList(ChangeList):
    """Reads no column that its model admin names in `list_defer`, and what filters offer once."""

    _filters: tuple[Any, ...] | None = None

    def get_filters(self, request: Any) -> Any:
        # For the rows of an action Django asks again, and filters read their choices again.
        if self._filters is None:
            self._filters = super().get_filters(request)
        return self._filters

    def get_results(self, request: Any) -> None:
        """Find the keys of a page by their own table alone, then join to these.

        In one, row level security's conditions make the planner expect some 40 users, and it joins
        all of their rows before it sorts: 405,000 buffers for 50 of 100,000 comics. When the keys
        are known it may still begin with the users, so tables are joined as written.
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

    Unlike `LIKE` it is leakproof, so that under row level security an index still serves it: 1 ms
    where LIKE reads 12,000 novels in 5 ms.
    """

    prepare_rhs = False

    def as_sql(self, compiler: Any, connection: Any) -> tuple[str, tuple[Any, ...]]:
        column, column_params = self.process_lhs(compiler, connection)
        text, text_params = self.process_rhs(compiler, connection)
        return f"{column} ^@ {text}", (*column_params, *text_params)


def search(
    rows: QuerySet[Any],
    term: str,
    *,
    numbers: tuple[str, ...],
    prefixes: tuple[str, ...],
    email: str | None,
) -> QuerySet[Any]:
    """Narrow `rows` down to what an operator may mean by `term`; every condition has its index.

    Args:
        rows: What to search.
        term: Part of an address if there is an @ in it, else a number or a beginning.
        numbers: Columns that are compared with a whole number.
        prefixes: Columns that may begin with the term, as it is or with a capital.
        email: Path to the address of the row's owner, compared as a whole.
    """
    if email and "@" in term:
        return rows.filter(**{email: term.lower()})
    wanted = Q()
    if term.isascii() and term.isdigit() and len(term) <= 18:
        for column in numbers:
            wanted |= Q(**{column: int(term)})
    for column in prefixes:
        for beginning in {term, term[:1].upper() + term[1:]}:
            wanted |= Q(StartsWith(F(column), beginning))
    return rows.filter(wanted) if wanted else rows.none()


def describe_referring_rows(error: BaseException, models: list[type[Model]]) -> str:
    """Name the rows whose foreign key refused a deletion, for people."""
    diagnosis = getattr(error.__cause__, "diag", None)
    table = getattr(diagnosis, "table_name", None)
    names = [str(m._meta.verbose_name_plural) for m in models if m._meta.db_table == table]
    return names[0] if names else "other rows"
