"""The one reader of budgets.toml; imports nothing of Django, so that load tests can use it too."""

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
    """The file cannot be used; the message names the entry."""


@dataclass(frozen=True, slots=True, kw_only=True)
class RouteBudget:
    """What one request may cost, for whoever asks and with whatever query.

    Attributes:
        queries_cold: Statements without a cache, without the setting of the caller's identity.
        queries_warm: The same when all that can be cached is; of a write as many as cold.
        buffers: Shared buffers of all reading statements together.
        examined_per_row: Rows read from tables and indexes, divided by rows returned, likewise.
        forbidden_nodes: Kinds of plan nodes that may not go through more than 100 rows.
        bytes: Size of the answer's body, not compressed.
        p95_ms: Of the cold answer, as one client sees it on a machine that is not busy.
        offload: Share of the database's time that the cache saves under load; None: not cached.
        reason: Why a figure is larger than those of its like.
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
        """Whether a warm answer asks the database less than a cold one."""
        return self.queries_warm < self.queries_cold


@dataclass(frozen=True, slots=True, kw_only=True)
class QueryBudget:
    """What one reading statement may cost.

    Attributes:
        kind: Which of `Budgets.kinds_ms` it must keep in any case.
        matches: Regular expression that finds its SQL; the first entry that does is meant.
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
    """The whole file.

    Attributes:
        kinds_ms: The most that a statement may take, by its kind: "simple" reads one table, "join"
            several, "search" is full-text search, "write" changes rows.
        slow_ms: From here on a statement of any kind is recorded as slow.
        reference_ms: What the reference of `make perf` takes on a machine that is not busy.
        routes: By endpoint as documented, such as "GET /novels/{novel_id}/chapters/".
        queries: By name, in the order of the file.
    """

    kinds_ms: dict[str, float]
    slow_ms: float
    reference_ms: float
    routes: dict[str, RouteBudget]
    queries: dict[str, QueryBudget]


@cache
def budgets() -> Budgets:
    """Return what `budgets.toml` says.

    Raises:
        BadBudgets: A field is missing, unknown, or of another kind than said.
    """
    return parsed(PATH.read_text())


def query_name(sql: str) -> str | None:
    """Return the name of a reading statement's budget; None: it has none."""
    flat = " ".join(sql.split()).replace('"', "")
    for name, query in budgets().queries.items():
        if re.search(query.matches, flat):
            return name
    return None


def parsed(text: str) -> Budgets:
    """Return the budgets of a file's text; raises as `budgets`."""
    try:
        said = tomllib.loads(text)
    except tomllib.TOMLDecodeError as error:
        raise BadBudgets(f"budgets.toml is not TOML: {error}") from error
    nodes = tuple(said["forbidden_nodes"])
    routes = {
        name: _entry(RouteBudget, name, {"queries_warm": given.get("queries_cold")} | given, nodes)
        for name, given in said["routes"].items()
    }
    queries = {name: _entry(QueryBudget, name, given) for name, given in said["queries"].items()}
    for name, query in queries.items():
        if query.kind not in said["kinds_ms"]:
            raise BadBudgets(f"{name}: there is no kind {query.kind!r}.")
        if query.p99_ms > said["kinds_ms"][query.kind]:
            raise BadBudgets(f"{name}: p99_ms is more than a {query.kind} statement may take.")
    return Budgets(
        kinds_ms=said["kinds_ms"],
        slow_ms=said["slow_ms"],
        reference_ms=said["reference_ms"],
        routes=routes,
        queries=queries,
    )


def _entry(kind: type[B], name: str, given: dict[str, Any], nodes: tuple[str, ...] = ()) -> B:
    known = {field.name for field in fields(kind)}
    if unknown := given.keys() - known:
        raise BadBudgets(f"{name}: nobody reads {', '.join(sorted(unknown))}.")
    if "forbidden_nodes" in known:
        given = given | {"forbidden_nodes": tuple(given.get("forbidden_nodes", nodes))}
    try:
        entry = kind(**given)
    except TypeError as error:
        raise BadBudgets(f"{name}: {error}") from error
    if entry.p95_ms > entry.p99_ms:
        raise BadBudgets(f"{name}: p95_ms is more than p99_ms.")
    return entry
