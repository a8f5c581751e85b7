"""EXPLAIN and its JSON. This is the only module that runs EXPLAIN or reads plans.

Choose by what the plan has to show:

- `explain(connection, sql, params)`: the plan for these values; add `analyze=True` to execute the
  statement and to get real rows and buffers.
- `explain_generic(connection, sql)`: the plan for any values, without executing anything.
- `parse_plan(document)`: a plan that was stored as JSON.
"""

from __future__ import annotations

import json
from collections.abc import Iterator
from contextlib import suppress
from dataclasses import dataclass, field
from functools import cached_property
from typing import Any

import psycopg

from perf.monitoring.sql_text import mask_values

_ESTIMATED = "FORMAT JSON"
_EXECUTED = "ANALYZE, BUFFERS, TIMING OFF, SUMMARY ON, FORMAT JSON"

_CONDITIONS = (
    *("Index Cond", "Recheck Cond", "Hash Cond", "Merge Cond", "Join Filter", "Filter"),
    *("One-Time Filter", "Cache Key", "Sort Key", "Presorted Key", "Group Key"),
)
# In this order in the text of a plan.
_SHOWN = (*_CONDITIONS[:6], "Sort Key")


@dataclass(frozen=True)
class PlanNode:
    """A node of a plan; rows are the sum of all loops, and 0 without ANALYZE.

    Attributes:
        join: "Left", "Semi" …; empty for an inner join and for other nodes.
        table: Name of the table or function.
        input_rows: Rows from its child nodes.
        removed_rows: Rows that its filter removed.
        heap_fetches: Rows of an index-only scan whose visibility needed the table.
        conditions: Conditions and keys by PostgreSQL's names for them.
    """

    depth: int
    kind: str
    join: str
    table: str
    index: str
    rows: float
    input_rows: float
    removed_rows: float
    heap_fetches: float
    conditions: dict[str, str]

    @property
    def processed_rows(self) -> float:
        """Rows that it read or returned, and rows that its filter removed."""
        return max(self.rows, self.input_rows) + self.removed_rows

    def __str__(self) -> str:
        return " ".join(word for word in (self.kind, self.index or self.table) if word)


@dataclass(frozen=True)
class Plan:
    """One plan: EXPLAIN's JSON object, with "Plan" and, after ANALYZE, "Execution Time"."""

    document: dict[str, Any] = field(repr=False)

    @property
    def tree(self) -> dict[str, Any]:
        """The root node as JSON."""
        root: dict[str, Any] = self.document["Plan"]
        return root

    @cached_property
    def nodes(self) -> list[PlanNode]:
        """All nodes, depth first, in EXPLAIN's order."""
        return list(_nodes(self.tree))

    @property
    def buffers(self) -> int:
        """Shared buffers that the execution hit or read, without planning."""
        return int(self.tree.get("Shared Hit Blocks", 0) + self.tree.get("Shared Read Blocks", 0))

    @property
    def execution_ms(self) -> float:
        return float(self.document["Execution Time"])

    @property
    def returned_rows(self) -> int:
        return round(self.nodes[0].rows)

    @property
    def examined_rows(self) -> int:
        """Rows that were read from tables or indexes."""
        scans = (node for node in self.nodes if node.kind.endswith("Scan"))
        return round(sum(node.rows + node.removed_rows for node in scans))

    def masked(self) -> Plan:
        """Return the plan with `?` for each value in its conditions."""
        return Plan(_mask(self.document))

    def as_text(self) -> str:
        """Return one line per node and condition, indented like psql's output."""
        return "\n".join(_lines(self.tree, 0))


def explain(
    connection: psycopg.Connection, sql: str, params: Any = None, *, analyze: bool = False
) -> Plan:
    """Return the plan of a statement for these values; only `analyze` executes it.

    Values are bound, so the server's log never has them in the text of the statement.
    """
    options = _EXECUTED if analyze else _ESTIMATED
    with psycopg.Cursor(connection) as cursor:
        cursor.execute(f"EXPLAIN ({options}) {sql}".encode(), params, prepare=False)
        return _read_plan(cursor)


def explain_generic(connection: psycopg.Connection, sql: str) -> Plan:
    """Return the plan for any values of `$1`, `$2` …; never executes the statement.

    PREPARE accepts one statement only, so nothing behind a semicolon can run. A read-only
    savepoint is rolled back afterwards. Works on PostgreSQL 15, which lacks GENERIC_PLAN.
    """
    try:
        with connection.transaction(force_rollback=True):
            connection.execute("SET LOCAL transaction_read_only = on")
            connection.execute("SET LOCAL plan_cache_mode = force_generic_plan")
            # A binary cursor uses the protocol that takes a single statement.
            with psycopg.Cursor(connection) as cursor:
                cursor.execute(f"PREPARE morpheus_explained AS {sql}".encode(), binary=True)
                cursor.execute(
                    "SELECT cardinality(parameter_types) FROM pg_prepared_statements "
                    "WHERE name = 'morpheus_explained'"
                )
                (count,) = cursor.fetchone() or (0,)
                values = f"({', '.join(['NULL'] * count)})" if count else ""
                cursor.execute(
                    f"EXPLAIN ({_ESTIMATED}) EXECUTE morpheus_explained{values}".encode()
                )
                return _read_plan(cursor)
    finally:
        # A prepared statement outlives its transaction and, behind a pooler, this client.
        with suppress(psycopg.errors.InvalidSqlStatementName), connection.transaction():
            connection.execute("DEALLOCATE morpheus_explained")


def parse_plan(document: Any) -> Plan:
    """Return the first plan of EXPLAIN's JSON, given as text or parsed."""
    parsed = json.loads(document) if isinstance(document, str | bytes) else document
    return Plan(parsed[0])


def _read_plan(cursor: psycopg.Cursor[Any]) -> Plan:
    row = cursor.fetchone()
    assert row is not None  # noqa: S101 - EXPLAIN returns one row
    return parse_plan(row[0])


def _mask(value: Any) -> Any:
    if isinstance(value, dict):
        return {name: _mask(part) for name, part in value.items()}
    if isinstance(value, list):
        return [_mask(part) for part in value]
    return mask_values(value) if isinstance(value, str) else value


def _nodes(node: dict[str, Any], depth: int = 0) -> Iterator[PlanNode]:
    join = node.get("Join Type", "")
    yield PlanNode(
        depth=depth,
        kind=node["Node Type"],
        join="" if join == "Inner" else join,
        table=node.get("Relation Name") or node.get("Function Name", ""),
        index=node.get("Index Name", ""),
        rows=_rows(node),
        input_rows=sum(map(_rows, node.get("Plans", ()))),
        removed_rows=node.get("Rows Removed by Filter", 0) * node.get("Actual Loops", 1),
        heap_fetches=node.get("Heap Fetches", 0),
        conditions={name: _condition(node[name]) for name in _CONDITIONS if name in node},
    )
    for child in node.get("Plans", ()):
        yield from _nodes(child, depth + 1)


def _condition(condition: str | list[str]) -> str:
    return condition if isinstance(condition, str) else ", ".join(condition)


def _rows(node: dict[str, Any]) -> float:
    return float(node.get("Actual Rows", 0) * node.get("Actual Loops", 1))


def _lines(node: dict[str, Any], depth: int) -> Iterator[str]:
    indent = "  " * depth
    name = node.get("Operation") or node["Node Type"]
    if "Index Name" in node:
        name += f" using {node['Index Name']}"
    if table := node.get("Relation Name") or node.get("Function Name") or node.get("CTE Name"):
        name += f" on {table}"
    yield f"{indent}{name}  (cost {node['Total Cost']:,.2f}, rows {node['Plan Rows']:,})"
    for condition in _SHOWN:
        if condition in node:
            yield f"{indent}  {condition}: {_condition(node[condition])}"
    for child in node.get("Plans", ()):
        yield from _lines(child, depth + 1)
