"""The base of every model's pages in the admin."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, ClassVar

from django.contrib import admin
from django.db import models
from django.db.models import QuerySet
from django.http import HttpRequest

from morpheus.admin.changelists import CappedPaginator, LightChangeList, filter_by_term


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
