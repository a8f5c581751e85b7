"""The base of every model's pages in the admin, for tables that are too big to count or to sort."""

from __future__ import annotations

from functools import cached_property
from typing import TYPE_CHECKING, Any, ClassVar

from django.contrib import admin
from django.contrib.admin.views.main import ChangeList
from django.core.paginator import Paginator
from django.db import connection, models
from django.db.models import F, Lookup, Q, QuerySet
from django.http import HttpRequest

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


class MorpheusAdmin(admin.ModelAdmin):  # type: ignore[type-arg]
    """A model's pages at a constant number of queries, however many rows it has.

    Attributes:
        list_defer: Big columns that the list does not show.
        search_numbers, search_prefixes, search_email: See `filter_by_term`.
    """

    paginator = CappedPaginator
    show_full_result_count = False
    show_facets = admin.ShowFacets.NEVER  # They count every row for each choice.
    list_per_page = 50
    list_max_show_all = 200
    ordering: ClassVar[tuple[str, ...]] = ("-pk",)
    # Other columns have no index that sorts all rows.
    sortable_by: ClassVar[tuple[str, ...]] = ()
    list_defer: tuple[str, ...] = ()
    search_numbers: tuple[str, ...] = ("pk",)
    search_prefixes: tuple[str, ...] = ()
    search_email: str | None = None
    # Any value shows the search box; the attributes above choose the columns.
    search_fields = ("pk",)

    def get_changelist(self, request: HttpRequest, **kwargs: Any) -> type[LightChangeList]:
        return LightChangeList

    def get_search_results(
        self, request: HttpRequest, queryset: QuerySet[Any], search_term: str
    ) -> tuple[QuerySet[Any], bool]:
        term = search_term.replace("\x00", "").strip()
        if not term:
            return queryset, False
        rows = filter_by_term(
            queryset,
            term,
            numbers=self.search_numbers,
            prefixes=self.search_prefixes,
            email=self.search_email,
        )
        return rows, False


class PublishableAdmin(MorpheusAdmin):
    """Pages of rows that their owners publish. Staff change them by the app's services.

    A subclass calls these in `delete_row` and `set_visibility`.
    """

    actions: Any = ("publish", "unpublish")

    if TYPE_CHECKING:

        def delete_row(self, pk: int) -> None: ...

        def set_visibility(self, pks: list[int], is_public: bool) -> int: ...

    def has_add_permission(self, request: HttpRequest) -> bool:
        return False

    def delete_model(self, request: HttpRequest, obj: models.Model) -> None:
        self.delete_row(obj.pk)

    def delete_queryset(self, request: HttpRequest, queryset: QuerySet[Any]) -> None:
        for pk in sorted(queryset.values_list("pk", flat=True)):
            self.delete_row(pk)

    @admin.action(description="Publish", permissions=["change"])
    def publish(self, request: HttpRequest, queryset: QuerySet[Any]) -> None:
        self._set_visibility(request, queryset, is_public=True)

    @admin.action(description="Unpublish", permissions=["change"])
    def unpublish(self, request: HttpRequest, queryset: QuerySet[Any]) -> None:
        self._set_visibility(request, queryset, is_public=False)

    def _set_visibility(
        self, request: HttpRequest, queryset: QuerySet[Any], *, is_public: bool
    ) -> None:
        count = self.set_visibility(sorted(queryset.values_list("pk", flat=True)), is_public)
        name = self.opts.verbose_name_plural
        self.message_user(
            request, f"{count} {name} are now {'public' if is_public else 'private'}."
        )


class ReadOnlyAdmin(MorpheusAdmin):
    """Pages of rows that only Morpheus writes; staff can view them."""

    def has_add_permission(self, request: HttpRequest) -> bool:
        return False

    def has_change_permission(self, request: HttpRequest, obj: models.Model | None = None) -> bool:
        return False

    def has_delete_permission(self, request: HttpRequest, obj: models.Model | None = None) -> bool:
        return False
