"""The statements of a request, run as the serving role and as the loader side by side."""

from __future__ import annotations

import time
from collections.abc import Callable, Iterator
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass
from statistics import median
from typing import Any

import psycopg
from django.conf import settings
from django.db import connection
from rest_framework.test import APIClient

from users.models import User

from .routes import Read

_IDENTITY = "SELECT set_config('app.user_id', %s, false)"
_EXPLAIN = "EXPLAIN (ANALYZE, BUFFERS, TIMING OFF, FORMAT JSON) "

# The generic plan that a hot statement ends with counts, not the first ones.
WARM_UP = 6

Statement = tuple[str, Any]


@dataclass(frozen=True)
class Cost:
    """What one read costs in all its statements.

    Attributes:
        buffers, buffers_bare: Pages looked at, with and without row level security.
        ms, ms_bare: Milliseconds between sending and having the rows, medians.
        indexes, indexes_bare: Indexes that the plans use.
    """

    read: Read
    statements: int
    buffers: int
    buffers_bare: int
    ms: float
    ms_bare: float
    indexes: frozenset[str]
    indexes_bare: frozenset[str]


@dataclass
class _Side:
    """One of the two roles."""

    connection: psycopg.Connection[Any]

    def run(self, statement: Statement) -> float:
        """Return the seconds that a statement takes."""
        began = time.perf_counter()
        self.connection.execute(statement[0].encode(), statement[1]).fetchall()
        return time.perf_counter() - began

    def plan(self, statement: Statement) -> tuple[int, set[str]]:
        """Return the buffers that a statement touches, and its indexes."""
        row = self.connection.execute((_EXPLAIN + statement[0]).encode(), statement[1]).fetchone()
        assert row is not None  # noqa: S101 - EXPLAIN always answers
        plan = row[0][0]["Plan"]
        nodes = list(_nodes(plan))
        indexes = {node["Index Name"] for node in nodes if "Index Name" in node}
        return plan["Shared Hit Blocks"] + plan["Shared Read Blocks"], indexes


def costs(reads: list[Read], *, rounds: int) -> Iterator[Cost]:
    """Yield what each read costs; times are taken in `rounds` pairs, the order alternating."""
    with ExitStack() as stack:
        bound = stack.enter_context(_side(dict(connection.settings_dict)))
        bare = stack.enter_context(_side(settings.DATABASE_ROLES["loader"]))
        for read in reads:
            for side in (bound, bare):
                side.connection.execute(_IDENTITY, [str(read.reader_id or "")])
            yield _cost(read, bound, bare, rounds)


def statements_of(read: Read) -> list[Statement]:
    """Return the statements that a request sends, in their order."""
    seen: list[Statement] = []

    def record(execute: Callable[..., Any], sql: str, params: Any, *rest: Any) -> Any:
        seen.append((sql, params))
        return execute(sql, params, *rest)

    client = APIClient(headers={"host": "localhost"})
    if read.reader_id is not None:
        # Who it is costs the same in every request, so it is not looked up here.
        client.force_authenticate(User(pk=read.reader_id))
    with connection.execute_wrapper(record):
        answer = client.get(read.url, secure=True)
    if answer.status_code != 200:
        raise RuntimeError(f"{read.url} was answered {answer.status_code}.")
    answer.close()
    return [one for one in seen if one[0].startswith(("SELECT", "WITH", "\nWITH"))]


def _cost(read: Read, bound: _Side, bare: _Side, rounds: int) -> Cost:
    statements = statements_of(read)
    for side in (bound, bare):
        for statement in statements * WARM_UP:
            side.run(statement)
    plans = [[side.plan(statement) for statement in statements] for side in (bound, bare)]
    times: tuple[list[float], list[float]] = ([], [])
    for turn in range(rounds):
        for which in (0, 1) if turn % 2 else (1, 0):
            side = (bound, bare)[which]
            times[which].append(sum(side.run(statement) for statement in statements))
    return Cost(
        read,
        len(statements),
        buffers=sum(buffers for buffers, _ in plans[0]),
        buffers_bare=sum(buffers for buffers, _ in plans[1]),
        ms=median(times[0]) * 1000,
        ms_bare=median(times[1]) * 1000,
        indexes=frozenset().union(*(indexes for _, indexes in plans[0])),
        indexes_bare=frozenset().union(*(indexes for _, indexes in plans[1])),
    )


@contextmanager
def _side(login: dict[str, Any]) -> Iterator[_Side]:
    with psycopg.connect(
        host=login["HOST"],
        port=login["PORT"] or None,
        user=login["USER"],
        password=login["PASSWORD"] or None,
        dbname=connection.settings_dict["NAME"],
        autocommit=True,
        cursor_factory=psycopg.Cursor,
    ) as opened:
        yield _Side(opened)


def _nodes(plan: dict[str, Any]) -> Iterator[dict[str, Any]]:
    yield plan
    for child in plan.get("Plans", ()):
        yield from _nodes(child)
