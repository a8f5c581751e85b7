"""Reads budgets.toml; imports no Django, so that load tests can use it too."""

from __future__ import annotations

import re
import tomllib
from dataclasses import dataclass, fields
from functools import cache
from pathlib import Path
from typing import Any, TypeVar

PATH = Path(__file__).parents[1] / "budgets.toml"

B = TypeVar("B", "RouteBudget", "QueryBudget")


class BadBudgets(Exception):
    """The file is invalid; the message names the entry."""


@dataclass(frozen=True, slots=True, kw_only=True)
class RouteBudget:
    """The limits of one request to a route, for any caller and query.

    Attributes:
        queries_cold: Statements with a cold cache, without the setting of the caller's identity.
        queries_warm: Statements with a warm cache; for a write the same as cold.
        buffers: Shared buffers of all reading statements together.
        examined_per_row: Rows read from tables and indexes per returned row, likewise.
        forbidden_nodes: Kinds of plan nodes that may not process more than 100 rows.
        bytes: Size of the response's body, not compressed.
        p95_ms: Of the cold response, for a single client on an idle machine.
        offload: Share of the database time that the cache avoids under load; None: not cached.
        reason: Why a value is larger than usual.
    """

    queries_cold: int
    queries_warm: int
    buffers: int
    examined_per_row: float
    forbidden_nodes: tuple[str, ...]
    bytes: int
    p95_ms: float
    p99_ms: float
    offload: float | None = None
    reason: str = ""

    @property
    def is_cached(self) -> bool:
        """Whether a warm response needs fewer statements than a cold one."""
        return self.queries_warm < self.queries_cold


@dataclass(frozen=True, slots=True, kw_only=True)
class QueryBudget:
    """The limits of one reading statement.

    Attributes:
        kind: Its kind in `Budgets.kinds_ms`, whose limit applies too.
        matches: Regular expression for its SQL; the first matching entry applies.
        buffers, examined_per_row, p95_ms, p99_ms, reason: As in `RouteBudget`.
    """

    kind: str
    matches: str
    buffers: int
    examined_per_row: float
    p95_ms: float
    p99_ms: float
    reason: str = ""


@dataclass(frozen=True, slots=True, kw_only=True)
class Budgets:
    """The whole file; routes by method and path, queries by name, in the file's order.

    Attributes:
        kinds_ms: Limit of a statement by its kind: "simple" reads one table, "join" several,
            "search" is full-text search, "write" changes rows.
        slow_ms: A statement of any kind that takes longer is recorded as slow.
        reference_ms: Time of the reference of `make perf` on an idle machine.
    """

    kinds_ms: dict[str, float]
    slow_ms: float
    reference_ms: float
    routes: dict[str, RouteBudget]
    queries: dict[str, QueryBudget]


@cache
def budgets() -> Budgets:
    """Return the budgets in `budgets.toml`.

    Raises:
        BadBudgets: A field is missing, unknown, or invalid.
    """
    return parse_budgets(PATH.read_text())


def query_name(sql: str) -> str | None:
    """Return the name of a reading statement's budget, if it has one."""
    flat = " ".join(sql.split()).replace('"', "")
    for name, query in budgets().queries.items():
        if re.search(query.matches, flat):
            return name
    return None


def parse_budgets(text: str) -> Budgets:
    """Parse the text of a budgets file; raises BadBudgets."""
    try:
        document = tomllib.loads(text)
    except tomllib.TOMLDecodeError as error:
        raise BadBudgets(f"budgets.toml is not TOML: {error}") from error
    nodes = tuple(document["forbidden_nodes"])
    routes = {
        name: _entry(RouteBudget, name, {"queries_warm": entry.get("queries_cold")} | entry, nodes)
        for name, entry in document["routes"].items()
    }
    queries = {
        name: _entry(QueryBudget, name, entry) for name, entry in document["queries"].items()
    }
    for name, query in queries.items():
        if query.kind not in document["kinds_ms"]:
            raise BadBudgets(f"{name}: the kind {query.kind!r} is unknown.")
        if query.p99_ms > document["kinds_ms"][query.kind]:
            raise BadBudgets(f"{name}: p99_ms exceeds the limit of {query.kind} statements.")
    numbers = {name: document[name] for name in ("kinds_ms", "slow_ms", "reference_ms")}
    return Budgets(**numbers, routes=routes, queries=queries)


def _entry(kind: type[B], name: str, values: dict[str, Any], nodes: tuple[str, ...] = ()) -> B:
    known = {field.name for field in fields(kind)}
    if unknown := values.keys() - known:
        raise BadBudgets(f"{name}: unknown fields: {', '.join(sorted(unknown))}.")
    if "forbidden_nodes" in known:
        values = values | {"forbidden_nodes": tuple(values.get("forbidden_nodes", nodes))}
    try:
        entry = kind(**values)
    except TypeError as error:
        raise BadBudgets(f"{name}: {error}") from error
    if entry.p95_ms > entry.p99_ms:
        raise BadBudgets(f"{name}: p95_ms exceeds p99_ms.")
    return entry
