"""The plans of a list's pages: the first ones, the last ones, and the way back."""

from __future__ import annotations

import re
from collections.abc import Iterator
from dataclasses import dataclass, replace
from itertools import islice
from statistics import fmean
from typing import Any
from urllib.parse import urlencode

import orjson
from rest_framework.test import APIRequestFactory, force_authenticate

from morpheus.api.reads import ListRead, Scope
from morpheus.db.transactions import write_transaction
from perf.lab.plans.capture import RequestFailed, Statement, capture_statements, served_host
from perf.lab.plans.explain import explain_as
from perf.lab.plans.list_samples import ListSample, NoSample, choose_sample
from perf.monitoring.explain import Plan
from perf.monitoring.list_routes import Combination

PAGE_SIZE = 20
# The last pages may cost more than the first ones by this factor.
DEPTH_RATIO = 1.2
# The rows of a page of three buffers may lie on two leaves of the index, by chance. The mean of
# this many pages shows the cost of depth.
PAGES_AT_EACH_END = 8


@dataclass(frozen=True, slots=True)
class ListPlans:
    """The plans of one list's pages.

    Attributes:
        size: Rows per page; fewer than 20 if the data has no list of four such pages.
        early: The second page and the next ones.
        late: As many pages, the last of which is the deepest.
        back: The page before the deepest, by its `previous` link.
    """

    size: int
    early: list[Plan]
    late: list[Plan]
    back: Plan

    @property
    def named(self) -> dict[str, Plan]:
        return {"second": self.early[0], "deepest": self.late[-1], "back": self.back}

    @property
    def early_buffers(self) -> float:
        return fmean(plan.buffers for plan in self.early)

    @property
    def late_buffers(self) -> float:
        return fmean(plan.buffers for plan in self.late)

    @property
    def depth_ratio(self) -> float:
        return self.late_buffers / self.early_buffers

    @property
    def is_flat(self) -> bool:
        """Whether the last pages cost as much as the first ones, apart from chance.

        Heap fetches do not count: a VACUUM removes them.
        """
        chance = 0 if len(self.early) == PAGES_AT_EACH_END else 1
        fetched = fmean(sum(node.heap_fetches for node in plan.nodes) for plan in self.late)
        return self.late_buffers <= DEPTH_RATIO * self.early_buffers + chance + fetched


def explain_pages(combination: Combination, *, pages: int = 1) -> ListPlans:
    """Request pages of the longest list through its own view, and explain what reads them.

    Args:
        pages: The number at each end, unless the list is too short.

    Raises:
        NoSample: The data has no list of four rows or more.
    """
    sample = choose_sample(combination)
    last = _last_keys(combination, sample, 2 * (pages + 1) * PAGE_SIZE)
    rows = len(last)
    size = min(PAGE_SIZE, rows // 4)
    if not size:
        raise NoSample("no list has four rows")
    pages = min(pages, (rows // size - 1) // 2)
    view = combination.route.view
    early = [page for page, _ in islice(_follow(combination, sample, size, first_view=view), pages)]
    # The last pages alone as a list: the cursor after its first page is valid for the whole list.
    end = _tail_view(view, last[: (pages + 1) * size])
    late = list(_follow(combination, sample, size, first_view=end))
    if len(late) != pages:
        raise AssertionError(f"{combination}: {len(late)} pages at the end, not {pages}")
    _, deepest = late[-1]
    _, statements = _get(view, deepest["previous"], sample)
    back = _page_statement(statements, size)

    def explain(statements: list[Statement]) -> list[Plan]:
        return [explain_as(sample.user_id, statement) for statement in statements]

    late_statements = [page for page, _ in late]
    return ListPlans(size, explain(early), explain(late_statements), *explain([back]))


def _follow(
    combination: Combination, sample: ListSample, size: int, *, first_view: type[Any]
) -> Iterator[tuple[Statement, Any]]:
    """Yield statement and body of each page after the one that `first_view` returns."""
    query = urlencode(sample.query | {"page_size": str(size)})
    response, _ = _get(first_view, f"{combination.route.url(sample.path)}?{query}", sample)
    while (url := response["next"]) is not None:
        response, statements = _get(combination.route.view, url, sample)
        yield _page_statement(statements, size), response


def _get(view: type[Any], url: str, sample: ListSample) -> tuple[Any, list[Statement]]:
    """Call the view without middleware; return the body of the response and its statements."""
    request = APIRequestFactory(SERVER_NAME=served_host()).get(url)
    force_authenticate(request, sample.user)
    with capture_statements(in_parts=True) as statements:
        response = view.as_view()(request, **sample.path)
    if response.status_code != 200:
        raise RequestFailed(f"GET {url}: {response.status_code} {response.content!r}")
    return orjson.loads(response.content), statements


def _page_statement(statements: list[Statement], size: int) -> Statement:
    """Return the statement that reads a page and the row after it."""
    ordered = re.compile(rf"ORDER BY [^()]+ LIMIT {size + 1}\b")
    candidates = [statement for statement in statements if ordered.search(statement.sql)]
    if len(candidates) != 1:
        raise AssertionError(f"{len(candidates)} statements read the page, not one: {statements}")
    return candidates[0]


def _last_keys(combination: Combination, sample: ListSample, count: int) -> list[Any]:
    """Return the primary keys of the last rows, the last one first."""
    read = combination.route.read
    reader_id = sample.user_id if read.is_own(sample.query) else None
    rows = read.rows(Scope(reader_id, *sample.path.values()))
    for name, value in read.parse_filters(sample.query).items():
        rows = read.filters[name].narrow_rows(rows, value)
    with write_transaction(as_user=sample.user_id):
        in_order = rows.order_by(*combination.columns).reverse()
        return list(in_order.values_list("pk", flat=True)[:count])


def _tail_view(view: type[Any], keys: list[Any]) -> type[Any]:
    """Return the view of a list reduced to the rows of these primary keys."""
    read: ListRead = view.read
    tail = replace(read, rows=lambda scope: read.rows(scope).filter(pk__in=keys))
    return type("Tail", (view,), {"read": tail})
