"""What depth costs: the buffers of a list's last pages beside those of its first ones."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from statistics import fmean

from perf.lab.plans.capture import Statement, get
from perf.lab.plans.explain import explain
from perf.lab.plans.judgement import DEPTH_RATIO
from perf.lab.plans.pages import first_url, last_keys, page_statement, tail_view
from perf.lab.plans.samples import Sample, sample
from perf.monitoring.list_routes import Combination

# A page of three buffers has a fourth if its rows lie on two leaves of the index, which is chance:
# the mean of neighbours tells what depth costs.
NEIGHBOURS = 8


@dataclass(frozen=True, slots=True)
class Depth:
    """What pages of one list cost at both ends.

    Attributes:
        pages: How many at each end, from the second page on.
        early, late: Buffers of each in the mean.
        fetched: Those of `late`, at most, that a VACUUM would spare.
    """

    pages: int
    early: float
    late: float
    fetched: float

    @property
    def ratio(self) -> float:
        return self.late / self.early

    @property
    def is_flat(self) -> bool:
        """Whether the end costs what the beginning does, but for chance."""
        chance = 0 if self.pages == NEIGHBOURS else 1
        return self.late <= DEPTH_RATIO * self.early + chance + self.fetched


def depth(combination: Combination, size: int) -> Depth:
    """Request and explain up to 8 pages at each end of the longest list that the data have.

    Args:
        size: Rows per page, of which the list has four pages at least (`Pages.size`).
    """
    values = sample(combination)
    rows = len(last_keys(combination, values, 2 * (NEIGHBOURS + 1) * size))
    pages = min(NEIGHBOURS, (rows // size - 1) // 2)
    user_id = None if values.user is None else values.user.pk

    # The first page of the list's end gives the cursor for the pages after it.
    end = tail_view(combination, (pages + 1) * size)
    early, late = (
        [explain(one, user_id) for one in _pages(combination, values, size, pages, first_view)]
        for first_view in (combination.route.view, end)
    )
    return Depth(
        pages,
        early=fmean(plan.buffers for plan in early),
        late=fmean(plan.buffers for plan in late),
        fetched=fmean(sum(node.fetched for node in plan.nodes) for plan in late),
    )


def _pages(
    combination: Combination, values: Sample, size: int, pages: int, first_view: type
) -> Iterator[Statement]:
    """Yield what reads the pages after the one that `first_view` begins with."""
    route = combination.route
    answer, _ = get(first_view, first_url(combination, values, size), values.path, values.user)
    for _ in range(pages):
        answer, statements = get(route.view, answer.data["next"], values.path, values.user)
        yield page_statement(statements, size)
