"""Pages of lists from the cache: their rows hold keys, and the view adds the entities."""

from __future__ import annotations

import hashlib
from typing import Any

from rest_framework.request import Request
from rest_framework.views import APIView

from morpheus.cache.cached_reads import read
from morpheus.db.compiled_pages import load_page_rows
from morpheus.pagination import KeysetPagination


class CachedKeysetPagination(KeysetPagination):
    """Keyset pagination whose rows are dictionaries of their `pk` and the ordering columns.

    The view declares what a page depends on:

    - `page_policy`: the cache policy of its pages.
    - `page_tags(columns)`: the tags of membership and order, for ordering columns without
      direction.
    - `page_reader_id`: the user that the list is private to; None is public.
    - `page_columns`: further columns of each row, of JSON's types. A column of another table, like
      `image__width`, needs the queryset to select that table.

    The key of a page is what its cursors are bound to (path, parameters, ordering, scope, reader),
    its position and its size. Rows may depend on nothing else.
    """

    def paginate_queryset(
        self, queryset: Any, request: Request, view: APIView | None = None
    ) -> Any:
        self.view: Any = view
        return super().paginate_queryset(queryset, request, view)

    def read(self, queryset: Any, backwards: bool, count: int) -> list[Any]:
        """Return `count` rows beyond the position, from the cache or by one query."""
        self._model = queryset.model
        ordering = [column.removeprefix("-") for column in self.columns]
        key = queryset.model._meta.pk.name
        names = list(dict.fromkeys([key, *ordering, *getattr(self.view, "page_columns", ())]))

        def load() -> list[tuple[Any, ...]]:
            return load_page_rows(queryset, self.columns, self.position, backwards, count, names)

        rows = read(
            self.view.page_policy,
            self._identity(backwards, count),
            tags=self.view.page_tags(ordering),
            load=load,
            reader_id=self.view.page_reader_id,
        )
        # The first name is the key's.
        return [dict(zip((*names, "pk"), (*values, values[0]), strict=True)) for values in rows]

    def get_value(self, row: Any, name: str) -> Any:
        """Return a column of a row with the type of its field, because JSON has no times."""
        if not isinstance(row, dict):
            return super().get_value(row, name)
        return self._model._meta.get_field(name).to_python(row[name])

    def _identity(self, backwards: bool, count: int) -> str:
        binding = (self._binding(self.request, self.view), self.position, backwards, count)
        return hashlib.sha256(repr(binding).encode()).hexdigest()[:32]
