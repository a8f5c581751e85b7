"""Walks along the pages of lists over HTTP, from the start or from a given depth."""

from __future__ import annotations

import time
from collections.abc import Iterator
from typing import Any
from urllib.parse import urlencode, urlsplit

from rest_framework.request import Request
from rest_framework.test import APIRequestFactory

from perf.lab.harness.http_client import BadResponse, Connection
from perf.lab.plans.capture import served_host
from perf.lab.plans.list_samples import NoSample, choose_sample
from perf.monitoring.list_routes import Combination, list_combinations


class ListWalker:
    """Reads pages on one kept connection.

    Attributes:
        ms: The time of each page since the list was emptied, in order.
    """

    def __init__(self, url: str) -> None:
        self._connection = Connection(url)
        self.ms: list[float] = []

    def close(self) -> None:
        """Close the connection."""
        self._connection.close()

    def pages(self, path: str) -> Iterator[list[dict[str, Any]]]:
        """Yield the rows of each page of a list, following `next` to its end.

        Raises:
            BadResponse: The status is not 200; the message names the page.
        """
        target: str | None = path
        while target:
            began = time.perf_counter()
            response = self._connection.get(target)
            self.ms.append((time.perf_counter() - began) * 1000)
            if response.status != 200:
                raise BadResponse(f"GET {target}: {response.status} {response.body[:200]!r}")
            page = response.json
            yield page["results"]
            following = page["next"] and urlsplit(page["next"])
            target = f"{following.path}?{following.query}" if following else None


class LongList:
    """One list in one ordering, without filters, for an anonymous reader."""

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
        """Return path and query of the page after so many rows; reads all of them.

        This process signs the cursor, so the server must have the same SECRET_KEY.
        """
        if not count:
            return self.start
        row = self.rows.order_by(*self._columns)[count - 1]
        paginator = self._view.pagination_class()
        link = urlsplit(paginator.get_link_after(row, self.rows, self._request, self._view))
        return f"{link.path}?{link.query}"


def find_long_lists(page_size: int) -> Iterator[LongList]:
    """Yield every list in each ordering; below a novel or a comic, the longest public one."""
    for combination in list_combinations():
        if combination.filters:
            continue
        try:
            yield LongList(combination, choose_sample(combination).path, page_size)
        except NoSample:
            continue
