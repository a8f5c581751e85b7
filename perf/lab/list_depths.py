"""Where pages at given depths of a list begin: for lists too long to be walked to their ends."""

from __future__ import annotations

from typing import Any
from urllib.parse import urlencode, urlsplit

from rest_framework.request import Request
from rest_framework.test import APIRequestFactory

from perf.lab.plans.capture import served_host
from perf.lab.plans.list_samples import NoSample, choose_sample
from perf.monitoring.list_routes import Combination, combinations


class LongList:
    """One list in one ordering, without filters, as anybody sees it."""

    def __init__(self, combination: Combination, path: dict[str, Any], page_size: int) -> None:
        url = combination.route.url(path)
        query = urlencode({"page_size": page_size, "ordering": combination.ordering})
        self.name = f"{combination.route.path} {combination.ordering}"
        self.start = f"{url}?{query}"
        self._columns = combination.columns
        self._request = Request(APIRequestFactory(SERVER_NAME=served_host()).get(self.start))
        self._view = combination.route.view()
        self._view.setup(self._request, **path)
        self.rows = self._view.get_queryset()

    def page_after(self, count: int) -> str:
        """Return path and query of the page that so many rows lie before; reads all of them.

        The cursor is signed by this process, so the server must have the same SECRET_KEY.
        """
        if not count:
            return self.start
        row = self.rows.order_by(*self._columns)[count - 1]
        paginator = self._view.pagination_class()
        link = urlsplit(paginator.get_link_after(row, self.rows, self._request, self._view))
        return f"{link.path}?{link.query}"


def long_lists(page_size: int) -> list[LongList]:
    """Return every list in each ordering; below a novel or a comic, the longest that is public."""
    found = []
    for combination in combinations():
        if not combination.filters:
            try:
                found.append(LongList(combination, choose_sample(combination).path, page_size))
            except NoSample:
                continue
    return found
