"""The statements of a request, run as the serving role and as the loader side by side."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass
from typing import Any

import psycopg
from django.conf import settings
from django.db import connection
from rest_framework.test import APIClient

from perf.plans.capture import RequestFailed, Statement, captured, served_host
from perf.plans.explain import OPTIONS, Plan, plan_of
from users.models import User

from .routes import Read

_IDENTITY = "SELECT set_config('app.user_id', %s, false)"
_EXPLAIN = f"EXPLAIN ({OPTIONS}) "
_TIMED = "EXPLAIN (ANALYZE, BUFFERS OFF, TIMING OFF, SUMMARY ON, FORMAT JSON) "

# Until all that is read is in memory.
WARM_UP = 6


@dataclass(frozen=True)
class Cost:
    """What one read costs in all its statements.

    Attributes:
        buffers, buffers_bare: Pages looked at, with and without row level security.
        ms, ms_bare: Milliseconds of execution; the best run, least disturbed.
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
        """Return the milliseconds that the server takes to execute a statement.

        By its own clock: what passes until a client is woken up depends on the cores that the two
        processes happen to be on, and is as much.
        """
        return float(self._explained(_TIMED, statement)[0]["Execution Time"])

    def plan(self, statement: Statement) -> Plan:
        """Return the executed plan of a statement."""
        return plan_of(self._explained(_EXPLAIN, statement))

    def _explained(self, explain: str, statement: Statement) -> Any:
        sql = (explain + statement.sql).encode()
        row = self.connection.execute(sql, statement.params).fetchone()
        assert row is not None  # noqa: S101 - EXPLAIN always answers
        return row[0]


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
    """Return the reading statements that a request sends, in their order.

    Raises:
        RequestFailed: The answer is not 200.
    """
    client = APIClient(SERVER_NAME=served_host())
    if read.reader_id is not None:
        # Who it is costs the same in every request, so it is not looked up here.
        client.force_authenticate(User(pk=read.reader_id))
    with captured() as seen:
        answer = client.get(read.url, secure=True)
    if answer.status_code != 200:
        raise RequestFailed(f"{read.url} was answered {answer.status_code}.")
    answer.close()
    return [one for one in seen if one.sql.lstrip().startswith(("SELECT", "WITH"))]


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
        buffers=sum(plan.buffers for plan in plans[0]),
        buffers_bare=sum(plan.buffers for plan in plans[1]),
        ms=min(times[0]),
        ms_bare=min(times[1]),
        indexes=_indexes(plans[0]),
        indexes_bare=_indexes(plans[1]),
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


def _indexes(plans: list[Plan]) -> frozenset[str]:
    return frozenset(node.index for plan in plans for node in plan.nodes if node.index)
