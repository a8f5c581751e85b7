"""The base of every model's pages in the admin."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from django.apps import apps
from django.contrib import admin, messages
from django.db import IntegrityError, models, transaction
from django.db.models import QuerySet
from django.http import HttpRequest, HttpResponse, HttpResponseRedirect

from morpheus.admin.changelists import (
    CappedPaginator,
    LightChangeList,
    describe_referring_rows,
    search,
)


class MorpheusAdmin(admin.ModelAdmin):  # type: ignore[type-arg]
    """Lists that cost the same few queries however many rows there are.

    Attributes:
        list_defer: Columns that the list does not show and that may be big.
        search_numbers, search_prefixes, search_email: See `morpheus.admin.changelists.search`.
    """

    paginator = CappedPaginator
    show_full_result_count = False
    show_facets = admin.ShowFacets.NEVER  # They count every row, per choice.
    list_per_page = 50
    list_max_show_all = 200
    ordering = ("-pk",)
    # Other columns have no index that sorts all rows.
    sortable_by = ()
    list_defer: tuple[str, ...] = ()
    search_numbers: tuple[str, ...] = ("pk",)
    search_prefixes: tuple[str, ...] = ()
    search_email: str | None = None
    # Any value shows the search box; what is searched is said above.
    search_fields = ("pk",)

    def get_changelist(self, request: HttpRequest, **kwargs: Any) -> type[LightChangeList]:
        return LightChangeList

    def get_search_results(
        self, request: HttpRequest, queryset: QuerySet[Any], search_term: str
    ) -> tuple[QuerySet[Any], bool]:
        term = search_term.replace("\x00", "").strip()
        if not term:
            return queryset, False
        found = search(
            queryset,
            term,
            numbers=self.search_numbers,
            prefixes=self.search_prefixes,
            email=self.search_email,
        )
        return found, False

    def delete_view(
        self, request: HttpRequest, object_id: str, extra_context: dict[str, Any] | None = None
    ) -> HttpResponse:
        """Django's, but a deletion that PostgreSQL refuses is a message, not a fault."""
        try:
            # Its own savepoint: what came before the refusal is undone, the page goes on.
            with transaction.atomic():
                return super().delete_view(request, object_id, extra_context)
        except IntegrityError as error:
            return self._refuse_deletion(request, error)

    def changelist_view(
        self, request: HttpRequest, extra_context: dict[str, Any] | None = None
    ) -> HttpResponse:
        """Django's, with the same message for the action that deletes many."""
        if request.method != "POST":
            return super().changelist_view(request, extra_context)
        try:
            with transaction.atomic():
                return super().changelist_view(request, extra_context)
        except IntegrityError as error:
            return self._refuse_deletion(request, error)

    def _refuse_deletion(self, request: HttpRequest, error: IntegrityError) -> HttpResponse:
        if getattr(error.__cause__, "sqlstate", None) not in ("23001", "23503"):
            raise error
        owners = describe_referring_rows(error, list(apps.get_models()))
        self.message_user(
            request,
            f"Nothing was deleted: there are {owners} that belong to it. Delete those first.",
            messages.ERROR,
        )
        return HttpResponseRedirect(request.get_full_path())


class PublishableAdmin(MorpheusAdmin):
    """For rows that their owners publish; whatever staff change goes through the services.

    A subclass says by which: `delete_row`, `set_visibility`.
    """

    actions = ("publish", "unpublish")

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
        self, request: HttpRequest, chosen: QuerySet[Any], *, is_public: bool
    ) -> None:
        count = self.set_visibility(sorted(chosen.values_list("pk", flat=True)), is_public)
        name = self.opts.verbose_name_plural
        self.message_user(
            request, f"{count} {name} are {'public' if is_public else 'private'} now."
        )


class ReadOnlyAdmin(MorpheusAdmin):
    """For rows that Morpheus alone writes: staff look."""

    def has_add_permission(self, request: HttpRequest) -> bool:
        return False

    def has_change_permission(self, request: HttpRequest, obj: models.Model | None = None) -> bool:
        return False

    def has_delete_permission(self, request: HttpRequest, obj: models.Model | None = None) -> bool:
        return False
