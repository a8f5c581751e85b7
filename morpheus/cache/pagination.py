"""Pages of lists from the cache: what stands on them is found once, and composed by the view."""

from __future__ import annotations

import hashlib
from typing import Any

from rest_framework.request import Request
from rest_framework.views import APIView

from morpheus.cache.cached_reads import read
from morpheus.db.compiled_pages import page_rows
from morpheus.pagination import KeysetPagination


class CachedKeysetPagination(KeysetPagination):
    """Keyset pagination whose rows are dictionaries of their `pk` and the ordering columns.

    The view says what a page depends on:

    - `page_policy`: the policy that pages are kept under.
    - `page_tags(columns)`: the tags of who is in the list and in which order, for ordering columns
      without direction.
    - `page_reader_id`: whom the list is for; None is everyone.
    - `page_columns`: further columns of each row, of types that JSON has; none by default. Those of
      another table, like `image__width`, are of one that the queryset selects.

    Pages are told apart by what their cursors are bound to (path, parameters, ordering, scope,
    reader), their position and their size, so the rows may depend on nothing else.
    """

    def paginate_queryset(
        self, queryset: Any, request: Request, view: APIView | None = None
    ) -> Any:
        self.view: Any = view
        return super().paginate_queryset(queryset, request, view)

    def read(self, queryset: Any, backwards: bool, count: int) -> list[Any]:
        """Return `count` rows beyond the position, from the cache or else by one query."""
        self._model = queryset.model
        ordering = [column.removeprefix("-") for column in self.columns]
        key = queryset.model._meta.pk.name
        names = list(dict.fromkeys([key, *ordering, *getattr(self.view, "page_columns", ())]))

        def load() -> list[tuple[Any, ...]]:
            return page_rows(queryset, self.columns, self.position, backwards, count, names)

        rows = read(
            self.view.page_policy,
            self._identity(backwards, count),
            tags=self.view.page_tags(ordering),
            load=load,
            reader_id=self.view.page_reader_id,
        )
        # The key's is the first of the names.
        return [dict(zip((*names, "pk"), (*values, values[0]), strict=True)) for values in rows]

    def get_value(self, row: Any, name: str) -> Any:
        """Return a column of a row: cursors hold typed values, and JSON knows no times."""
        if not isinstance(row, dict):
            return super().get_value(row, name)
        return self._model._meta.get_field(name).to_python(row[name])

    def _identity(self, backwards: bool, count: int) -> str:
        binding = (self._binding(self.request, self.view), self.position, backwards, count)
        return hashlib.sha256(repr(binding).encode()).hexdigest()[:32]
