"""Prove that every page of a list is read through an index, at any depth."""

from __future__ import annotations

import re
from collections.abc import Iterator
from dataclasses import dataclass

from django.db import connection

from perf.lab.plans.list_pages import DEPTH_RATIO, PAGES_AT_EACH_END, ListPlans, explain_pages
from perf.lab.plans.list_samples import NoSample
from perf.monitoring.explain import Plan, PlanNode
from perf.monitoring.list_indexes import build_required_index, find_serving_index
from perf.monitoring.list_routes import Combination

# Per row: its place in the table; for each of up to three joined rows, the three levels of a
# primary key and a page. Per statement: the levels of the list's own index, and a leaf.
BUFFERS_PER_ROW = 13
BUFFERS_PER_STATEMENT = 10

# The deepest page may cost more than the second by one buffer per two rows beside `DEPTH_RATIO`:
# chance decides how many rows share a page of the table.
CHANCE_PER_ROW = 0.5

# A sequential scan of so few rows is fine: genres and languages.
SMALL_TABLE_ROWS = 100

HEADINGS = "route ordering filter index rows examined second deepest depth".split()


@dataclass(frozen=True, slots=True)
class Proof:
    """One combination, its plans unless the data has no such list, and a sentence per fault."""

    combination: Combination
    plans: ListPlans | None
    faults: list[str]

    @property
    def index(self) -> str:
        """The index that reads the second page."""
        for node in self.plans.early[0].nodes if self.plans else ():
            if _begins_at_cursor(node, self.combination):
                return node.index
        return "none"

    def cells(self) -> list[str]:
        """Return a row of the table under `HEADINGS`.

        "second" and "deepest" are buffers of these pages; "depth" is the mean of the last pages
        divided by that of the first ones.
        """
        combination = self.combination
        names = [combination.route.path, combination.ordering, combination.filter_text]
        if self.plans is None:
            return [*names, "no such list in the data", "", "", "", "", ""]
        second, deepest = self.plans.early[0], self.plans.late[-1]
        figures = (second.returned_rows, second.examined_rows, second.buffers, deepest.buffers)
        return [*names, self.index, *map(str, figures), f"{self.plans.depth_ratio:.2f}"]


def prove(combination: Combination, *, pages: int = 1) -> Proof:
    """Explain pages of a combination and check their plans.

    Args:
        pages: The number at each end; `PAGES_AT_EACH_END` compares what depth costs.
    """
    try:
        plans = explain_pages(combination, pages=pages)
    except NoSample as missing:
        return Proof(combination, None, [f"{combination} is not proven: {missing}."])
    faults = list(_violations(plans, combination))
    if faults:
        faults.append(_advice(combination))
    if pages > 1 and not plans.is_flat:
        faults.append(
            f"{combination}: the last {len(plans.late)} pages read {plans.late_buffers:.1f} "
            f"buffers on average, the first ones {plans.early_buffers:.1f}."
        )
    return Proof(combination, plans, faults)


def summarize(proofs: list[Proof]) -> str:
    """Return the sentence below the table: the worst page, and the worst cost of depth."""
    all_plans = [proof.plans for proof in proofs if proof.plans is not None]
    if not all_plans:
        return "FAIL: the data has none of these lists."
    worst = max(plan.buffers for plans in all_plans for plan in plans.named.values())
    early, late = (
        sum(getattr(plans, f"{end}_buffers") for plans in all_plans) for end in ("early", "late")
    )
    slowest = max(plan.execution_ms for each in all_plans for plan in (*each.early, *each.late))
    return (
        f"{len(all_plans)} of {len(proofs)} combinations; at most {worst} buffers a page, the "
        f"slowest page read in {slowest:.1f} ms; the last "
        f"pages ÷ the first ones from the second on (up to {PAGES_AT_EACH_END} of each): at most "
        f"{max(plans.depth_ratio for plans in all_plans):.2f}, together {late / early:.2f}."
    )


def _violations(plans: ListPlans, combination: Combination) -> Iterator[str]:
    for name, plan in plans.named.items():
        for fault in _plan_faults(plan, combination, plans.size):
            yield f"{combination}: {name} page: {fault}"
    second, deepest = plans.early[0].buffers, plans.late[-1].buffers
    if deepest > second * DEPTH_RATIO + CHANCE_PER_ROW * plans.size:
        yield f"{combination}: the deepest page reads {deepest} buffers, the second {second}."


def _plan_faults(plan: Plan, combination: Combination, size: int) -> Iterator[str]:
    if not any(_begins_at_cursor(node, combination) for node in plan.nodes):
        yield "no index condition contains the cursor's comparison."
    for node in plan.nodes:
        if "Sort" in node.kind and node.input_rows > size + 1:
            yield f"{node.input_rows:.0f} rows are sorted."
        if node.kind == "Seq Scan" and node.rows + node.removed_rows > SMALL_TABLE_ROWS:
            yield f"sequential scan of {node.table}."
        if node.removed_rows and node.rows + node.removed_rows > SMALL_TABLE_ROWS:
            yield f"{node}: {node.removed_rows:.0f} rows removed by filter."
    limit = BUFFERS_PER_ROW * (size + 1) + BUFFERS_PER_STATEMENT
    if plan.buffers > limit:
        yield f"it reads {plan.buffers} buffers, at most {limit} are allowed."


def _begins_at_cursor(node: PlanNode, combination: Combination) -> bool:
    """Tell whether the index scan starts at the cursor, not at the beginning of the list.

    A single column, or the first of columns with mixed directions, is compared by itself.
    """
    condition = node.conditions.get("Index Cond", "")
    first = combination.columns[0].lstrip("-")
    return "ROW(" in condition or re.search(rf"\b{first} [<>]", condition) is not None


def _advice(combination: Combination) -> str:
    wanted = build_required_index(combination)
    name = find_serving_index(wanted)
    if name is None:
        return f"Add to {wanted.model.__name__}.Meta.indexes: {wanted}"
    with connection.cursor() as cursor:
        cursor.execute("SELECT to_regclass(%s) IS NULL", [name])
        if cursor.fetchone()[0]:
            return f"{name} serves the list but is not in the database: run migrate."
    return f"{name} should serve the list: run ANALYZE, and check that conditions are leakproof."
