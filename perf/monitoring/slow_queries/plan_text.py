"""EXPLAIN's JSON as people read it."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

# What says how many rows a node goes through, and why; in this order.
_CONDITIONS = ("Index Cond", "Recheck Cond", "Hash Cond", "Merge Cond", "Join Filter", "Filter")


def plan_text(plan: list[dict[str, Any]]) -> str:
    """Return a plan, one line per node and condition, indented like psql's."""
    return "\n".join(line for tree in plan for line in _lines(tree["Plan"], 0))


def _lines(node: dict[str, Any], depth: int) -> Iterator[str]:
    indent = "  " * depth
    name = node["Node Type"]
    if "Index Name" in node:
        name += f" using {node['Index Name']}"
    if where := node.get("Relation Name") or node.get("Function Name") or node.get("CTE Name"):
        name += f" on {where}"
    yield f"{indent}{name}  (cost {node['Total Cost']:,.2f}, rows {node['Plan Rows']:,})"
    for condition in _CONDITIONS:
        if condition in node:
            yield f"{indent}  {condition}: {node[condition]}"
    if "Sort Key" in node:
        yield f"{indent}  Sort Key: {', '.join(node['Sort Key'])}"
    for child in node.get("Plans", []):
        yield from _lines(child, depth + 1)
