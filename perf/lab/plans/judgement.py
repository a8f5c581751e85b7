"""What the plan of a list's page must be, whatever the page."""

from __future__ import annotations

import re
from collections.abc import Iterator

from django.db import connection

from perf.lab.plans.explain import Node, Plan
from perf.lab.plans.pages import Pages
from perf.monitoring.list_indexes import serving_index, wanted_index
from perf.monitoring.list_routes import Combination

# Per row: its place in the table; for each of up to three rows joined to it, the three levels of a
# primary key and a page. Per statement: the levels of the list's own index, and a leaf.
BUFFERS_PER_ROW = 13
BUFFERS_PER_STATEMENT = 10

# The deepest page may cost more than the second by this factor, and by one buffer per two rows:
# how many rows share a page of the table is chance, not depth.
DEPTH_RATIO = 1.2
CHANCE_PER_ROW = 0.5

# A table of so few rows may be read whole: genres and languages.
SMALL_TABLE_ROWS = 100


def violations(pages: Pages) -> list[str]:
    """Return what is wrong with the plans of one combination, a sentence each."""
    combination = pages.combination
    said = [
        f"{combination}: {name} page: {fault}"
        for name, plan in pages.plans.items()
        for fault in _faults(plan, combination, pages.size)
    ]
    most = pages.second.buffers * DEPTH_RATIO + CHANCE_PER_ROW * pages.size
    if pages.deepest.buffers > most:
        said.append(
            f"{combination}: the deepest page reads {pages.deepest.buffers} buffers, "
            f"the second {pages.second.buffers}."
        )
    if said:
        said.append(_advice(combination))
    return said


def _faults(plan: Plan, combination: Combination, size: int) -> Iterator[str]:
    if not any(begins_at_cursor(node, combination) for node in plan.nodes):
        yield "no index condition contains the cursor's comparison."
    for node in plan.nodes:
        if "Sort" in node.kind and node.given > size + 1:
            yield f"{node.given:.0f} rows are sorted."
        if node.kind == "Seq Scan" and node.rows + node.removed > SMALL_TABLE_ROWS:
            yield f"{node.table} is read whole."
        if node.removed and node.rows + node.removed > SMALL_TABLE_ROWS:
            yield f"{node} drops {node.removed:.0f} rows by a filter."
    most = BUFFERS_PER_ROW * (size + 1) + BUFFERS_PER_STATEMENT
    if plan.buffers > most:
        yield f"it reads {plan.buffers} buffers, {most} at most."


def begins_at_cursor(node: Node, combination: Combination) -> bool:
    """Tell whether the node begins where the cursor says, and not at the list's beginning.

    One column, or the first where directions are mixed, is compared by itself.
    """
    condition = node.conditions.get("Index Cond", "")
    first = combination.columns[0].lstrip("-")
    return "ROW(" in condition or re.search(rf"\b{first} [<>]", condition) is not None


def _advice(combination: Combination) -> str:
    wanted = wanted_index(combination)
    name = serving_index(wanted)
    if name is None:
        return f"Add to {wanted.model.__name__}.Meta.indexes: {wanted}"
    with connection.cursor() as cursor:
        cursor.execute("SELECT to_regclass(%s) IS NULL", [name])
        if cursor.fetchone()[0]:
            return f"{name} serves it but is not in the database: migrate."
    return f"{name} should serve it: has the table been analyzed? Are its conditions leakproof?"
