"""The proof as tables: for people, for docs/performance.md, and as JSON."""

from __future__ import annotations

from dataclasses import asdict, dataclass
from typing import Any

from perf.lab.plans.depth import Depth, depth
from perf.lab.plans.judgement import begins_at_cursor, violations
from perf.lab.plans.pages import Pages, pages
from perf.lab.plans.samples import NoSample
from perf.monitoring.list_routes import Combination

HEADINGS = "route ordering filter index rows examined second deepest depth".split()


@dataclass(frozen=True, slots=True)
class Proof:
    """One combination, its pages unless the data have none, and what is wrong with it.

    Attributes:
        depth: None unless it was asked for.
    """

    combination: Combination
    pages: Pages | None
    faults: list[str]
    depth: Depth | None = None

    def cells(self) -> list[str]:
        """Return one line of the table.

        Buffers are those of the second and the deepest page; `depth` is by how much the pages at
        the end cost more than those at the beginning.
        """
        one = self.combination
        names = [one.route.path, one.ordering, one.filter_text]
        if self.pages is None:
            return [*names, "no such list in the data", "", "", "", "", ""]
        second, deepest = self.pages.second, self.pages.deepest
        figures = [second.returned, second.examined, second.buffers, deepest.buffers]
        ratio = f"{self.depth.ratio:.2f}" if self.depth else ""
        return [*names, page_index(self.pages), *map(str, figures), ratio]

    def as_json(self) -> dict[str, Any]:
        one = self.combination
        said: dict[str, Any] = {
            "route": one.route.path,
            "ordering": one.ordering,
            "filters": dict(one.filters),
            "faults": self.faults,
        }
        if self.pages is not None:
            said |= {"index": page_index(self.pages), "page_size": self.pages.size}
            said |= {
                name: {
                    "buffers": plan.buffers,
                    "examined": plan.examined,
                    "returned": plan.returned,
                    "generic": plan.is_generic,
                    "nodes": list(map(str, plan.nodes)),
                }
                for name, plan in self.pages.plans.items()
            }
        if self.depth is not None:
            said["depth"] = asdict(self.depth) | {"ratio": self.depth.ratio}
        return said


def prove(combination: Combination, *, with_depth: bool = False) -> Proof:
    """Explain the pages of a combination and judge them.

    Args:
        with_depth: Compare several pages at both ends, too: some forty requests.
    """
    try:
        found = pages(combination)
        ends = depth(combination, found.size) if with_depth else None
    except NoSample as missing:
        return Proof(combination, None, [f"{combination} is not proven: {missing}."])
    faults = violations(found)
    if ends is not None and not ends.is_flat:
        faults.append(
            f"{combination}: the last {ends.pages} pages read {ends.late:.1f} buffers in the mean, "
            f"the first ones {ends.early:.1f}."
        )
    return Proof(combination, found, faults, ends)


def page_index(found: Pages) -> str:
    """Return the index that the second page is read by."""
    for node in found.second.nodes:
        if begins_at_cursor(node, found.combination):
            return node.index
    return "none"


def table(lines: list[list[str]], headings: list[str] = HEADINGS) -> str:
    """Return lines of cells as a table for a terminal."""
    widths = [max(map(len, column)) for column in zip(headings, *lines, strict=True)]
    return "\n".join(
        "  ".join(cell.ljust(width) for cell, width in zip(line, widths, strict=True)).rstrip()
        for line in [headings, *lines]
    )


def markdown(lines: list[list[str]], headings: list[str] = HEADINGS) -> str:
    """Return lines of cells as a table of Markdown."""
    rule = ["---"] * len(headings)
    return "\n".join("| " + " | ".join(line) + " |" for line in [headings, rule, *lines])
