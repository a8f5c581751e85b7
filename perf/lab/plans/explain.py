"""The plan of a statement as the server of requests gets it: prepared, and executed before."""

from __future__ import annotations

import json
import re
from collections.abc import Iterator
from dataclasses import dataclass, field
from functools import cached_property
from typing import Any

import psycopg
from django.db import connection
from psycopg import sql

from morpheus.db.transactions import write_transaction
from perf.lab.plans.capture import Statement

# PostgreSQL weighs a generic plan against the custom ones from the sixth execution on.
EXECUTIONS = 7

OPTIONS = "ANALYZE, BUFFERS, TIMING OFF, SUMMARY OFF, FORMAT JSON"
_CONDITIONS = (
    *("Index Cond", "Recheck Cond", "Hash Cond", "Merge Cond", "Join Filter", "Filter"),
    *("One-Time Filter", "Cache Key", "Sort Key", "Presorted Key", "Group Key"),
)


@dataclass(frozen=True)
class Node:
    """A node of a plan, with what it did in all its loops.

    Attributes:
        depth: How many nodes it lies below.
        join: "Left", "Semi" …; empty of an inner join, and of what joins nothing.
        table: Or function.
        given: Rows that the nodes below it gave.
        removed: Rows that it read and dropped by a filter.
        fetched: Rows of an index-only scan whose page had to be asked whether they are visible.
        conditions: Conditions and keys by PostgreSQL's names for them.
    """

    depth: int
    kind: str
    join: str
    table: str
    index: str
    rows: float
    given: float
    removed: float
    fetched: float
    conditions: dict[str, str]

    @property
    def passed(self) -> float:
        """Rows that went through it: those that it gave or was given, and those that it dropped."""
        return max(self.rows, self.given) + self.removed

    def __str__(self) -> str:
        return " ".join(word for word in (self.kind, self.index or self.table) if word)


@dataclass(frozen=True)
class Plan:
    """An executed plan.

    Attributes:
        nodes: Depth first, as EXPLAIN shows them.
        buffers: Shared buffers that the execution looked at, planning not included.
    """

    nodes: list[Node] = field(repr=False)
    buffers: int

    @property
    def returned(self) -> int:
        return round(self.nodes[0].rows)

    @property
    def examined(self) -> int:
        """Rows that were read from tables or indexes."""
        return round(sum(n.rows + n.removed for n in self.nodes if n.kind.endswith("Scan")))

    @cached_property
    def is_generic(self) -> bool:
        """Whether the plan is for any parameters, not for those that were given."""
        return any("$" in text for node in self.nodes for text in node.conditions.values())


def explain(statement: Statement, user_id: int | None) -> Plan:
    """Return the plan of a SELECT after it was prepared and executed, as the serving role."""
    with write_transaction(as_user=user_id):
        return explained_read(statement)


def explained_read(statement: Statement) -> Plan:
    """As `explain`, with the identity of the caller's transaction."""
    with connection.cursor() as cursor:
        name = prepared(cursor, statement)
        cursor.execute(f"EXPLAIN ({OPTIONS}) {name}")
        return plan_of(cursor.fetchone()[0])


def explained_write(statement: Statement, *, generic: bool) -> Plan:
    """Return what the planner would do with a statement that changes rows; it is not executed."""
    raw = connection.connection
    names, values = _numbered(statement)
    if not generic:
        with psycopg.ClientCursor(raw) as cursor:
            cursor.execute(f"EXPLAIN (FORMAT JSON) {statement.sql}".encode(), statement.params)
            return plan_of((cursor.fetchone() or [None])[0])
    with connection.cursor() as cursor:
        cursor.execute(f"PREPARE perf_explained AS {_filled(statement, names)}")
        try:
            nothing = ", ".join(["NULL"] * len(values))
            call = f"perf_explained({nothing})" if nothing else "perf_explained"
            cursor.execute(f"EXPLAIN (FORMAT JSON) EXECUTE {call}")
            return plan_of(cursor.fetchone()[0])
        finally:
            cursor.execute("DEALLOCATE perf_explained")


def plan_of(answer: Any) -> Plan:
    """Return what EXPLAIN in JSON says."""
    root = (json.loads(answer) if isinstance(answer, str) else answer)[0]["Plan"]
    buffers = root.get("Shared Hit Blocks", 0) + root.get("Shared Read Blocks", 0)
    return Plan(list(_nodes(root)), buffers)


def prepared(cursor: Any, statement: Statement) -> str:
    """Have psycopg prepare and execute the statement; return the EXECUTE that does it again."""
    raw = connection.connection
    names, values = _numbered(statement)
    text = _filled(statement, names)
    before = dict(_prepared(cursor, text))
    threshold = raw.prepare_threshold
    raw.prepare_threshold = 0
    try:
        for _ in range(EXECUTIONS):
            cursor.execute(statement.sql, statement.params)
            cursor.fetchall()
    finally:
        raw.prepare_threshold = threshold
    # One text is several prepared statements, one for each combination of parameter types.
    ((name, types),) = (
        key for key, plans in _prepared(cursor, text) if plans != before.get(key, 0)
    )
    literals = (
        f"{sql.Literal(value).as_string(raw)}::{type_name}"
        for value, type_name in zip(values, types, strict=True)
    )
    arguments = ", ".join(literals)
    return f"EXECUTE {name}({arguments})" if arguments else f"EXECUTE {name}"


def _prepared(cursor: Any, text: str) -> Iterator[tuple[tuple[str, tuple[str, ...]], int]]:
    """Yield name and parameter types of what is prepared of this text, and how often it was run."""
    cursor.execute(
        "SELECT name, parameter_types::text[], generic_plans + custom_plans "
        "FROM pg_prepared_statements WHERE statement = %s",
        [text],
    )
    for name, types, plans in cursor.fetchall():
        yield (name, tuple(types)), plans


def _numbered(statement: Statement) -> tuple[Any, list[Any]]:
    """Return `$1`, `$2` … in the shape of the parameters, and the parameters in this order."""
    if isinstance(statement.params, dict):
        # psycopg numbers names as they first occur.
        names = list(dict.fromkeys(re.findall(r"%\((\w+)\)s", statement.sql)))
        numbers = {name: f"${at}" for at, name in enumerate(names, 1)}
        return numbers, [statement.params[name] for name in names]
    values = list(statement.params or ())
    return tuple(f"${at}" for at in range(1, len(values) + 1)), values


def _nodes(node: dict[str, Any], depth: int = 0) -> Iterator[Node]:
    loops = node.get("Actual Loops", 1)
    join = node.get("Join Type", "")
    yield Node(
        depth=depth,
        kind=node["Node Type"],
        join="" if join == "Inner" else join,
        table=node.get("Relation Name") or node.get("Function Name", ""),
        index=node.get("Index Name", ""),
        rows=_rows(node),
        given=sum(map(_rows, node.get("Plans", ()))),
        removed=node.get("Rows Removed by Filter", 0) * loops,
        fetched=node.get("Heap Fetches", 0),
        conditions={name: _text(node[name]) for name in _CONDITIONS if name in node},
    )
    for child in node.get("Plans", ()):
        yield from _nodes(child, depth + 1)


def _text(condition: str | list[str]) -> str:
    return condition if isinstance(condition, str) else ", ".join(condition)


def _rows(node: dict[str, Any]) -> float:
    return float(node.get("Actual Rows", 0) * node.get("Actual Loops", 1))


def _filled(statement: Statement, names: tuple[str, ...]) -> str:
    """Return the SQL with a name for each parameter; without parameters, a % is itself."""
    return statement.sql % names if statement.params else statement.sql
