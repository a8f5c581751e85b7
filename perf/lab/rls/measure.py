"""A request and its statements, as the serving role and as the loader side by side."""

from __future__ import annotations

import time
from collections.abc import Iterator
from contextlib import AbstractContextManager, ExitStack, closing, contextmanager, nullcontext
from dataclasses import dataclass, field
from statistics import median
from typing import Any

import psutil
import psycopg
from django.conf import settings
from django.db import DEFAULT_DB_ALIAS, connection, connections
from django.test import RequestFactory, override_settings
from rest_framework.test import APIClient, ForceAuthClientHandler

from perf.lab.harness.pinning import pinned
from perf.lab.plans.capture import RequestFailed, Statement, captured, served_host
from perf.lab.plans.explain import OPTIONS, Plan, plan_of
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
        route_ms, route_ms_bare: Milliseconds that Django takes to answer, all that is sent for row
            level security included; the median.
        ms, ms_bare: Milliseconds of execution alone; the best run, least disturbed.
        indexes, indexes_bare: Indexes that the plans use.
    """

    read: Read
    statements: int
    buffers: int
    buffers_bare: int
    route_ms: float
    route_ms_bare: float
    ms: float
    ms_bare: float
    indexes: frozenset[str]
    indexes_bare: frozenset[str]

    @property
    def buffers_ratio(self) -> float:
        return self.buffers / max(1, self.buffers_bare)

    @property
    def route_ratio(self) -> float:
        return self.route_ms / self.route_ms_bare


@dataclass
class _Side:
    """One of the two roles: Django's connection for whole requests, a plain one for statements."""

    django: Any
    connection: psycopg.Connection[Any]
    handler: ForceAuthClientHandler = field(default_factory=ForceAuthClientHandler)

    def answer(self, read: Read) -> float:
        """Return the milliseconds that Django takes to answer a request, all middleware included.

        Who it is costs the same on both sides, so it is not looked up.
        """
        environ = RequestFactory(SERVER_NAME=served_host()).get(read.url, secure=True).environ
        user = None if read.reader_id is None else User(pk=read.reader_id)
        self.handler._force_user = user  # type: ignore[attr-defined] # has no types
        usual = connections[DEFAULT_DB_ALIAS]
        connections[DEFAULT_DB_ALIAS] = self.django
        try:
            began = time.perf_counter()
            answer = self.handler(environ)
            took = time.perf_counter() - began
        finally:
            connections[DEFAULT_DB_ALIAS] = usual
        if answer.status_code != 200:
            raise RequestFailed(f"{read.url} was answered {answer.status_code}.")
        if answer.streaming:
            answer.close()
        return took * 1000

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
    """Yield what each read costs; times are taken in `rounds` pairs, the order alternating.

    Raises:
        RequestFailed: An answer is not 200.
    """
    with ExitStack() as stack:
        stack.enter_context(override_settings(MORPHEUS_CACHE=False))
        bound = stack.enter_context(_side(dict(connection.settings_dict)))
        bare = stack.enter_context(_side(settings.MORPHEUS_DATABASE_ROLES["loader"]))
        # On the same core: wherever else each would be by chance.
        stack.enter_context(pinned(_backends(bound, bare)))
        with_identity = bare.django.execute_wrapper
        for read in reads:
            # Without policies nobody needs an identity, so none is sent with statements; but a
            # search finds out by it what is one's own.
            is_own_search = "scope=mine" in read.url
            bare.django.execute_wrapper = with_identity if is_own_search else _without_identity
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


def _without_identity(wrapper: Any) -> AbstractContextManager[None]:
    return nullcontext()


def _backends(*sides: _Side) -> Iterator[psutil.Process]:
    """Yield PostgreSQL's processes for these sides, if they are of this machine."""
    for side in sides:
        with side.django.cursor() as cursor:
            cursor.execute("SELECT pg_backend_pid()")
            pids = [cursor.fetchone()[0], side.connection.info.backend_pid]
        yield from (psutil.Process(pid) for pid in pids if psutil.pid_exists(pid))


def _cost(read: Read, bound: _Side, bare: _Side, rounds: int) -> Cost:
    statements = statements_of(read)
    for side in (bound, bare):
        for statement in statements * WARM_UP:
            side.run(statement)
    plans = [[side.plan(statement) for statement in statements] for side in (bound, bare)]
    times: tuple[list[float], list[float]] = ([], [])
    route_times: tuple[list[float], list[float]] = ([], [])
    for turn in range(-WARM_UP, rounds):
        for which in (0, 1) if turn % 2 else (1, 0):
            side = (bound, bare)[which]
            route_ms = side.answer(read)
            ms = sum(side.run(statement) for statement in statements)
            if turn >= 0:
                route_times[which].append(route_ms)
                times[which].append(ms)
    return Cost(
        read,
        len(statements),
        buffers=sum(plan.buffers for plan in plans[0]),
        buffers_bare=sum(plan.buffers for plan in plans[1]),
        route_ms=median(route_times[0]),
        route_ms_bare=median(route_times[1]),
        ms=min(times[0]),
        ms_bare=min(times[1]),
        indexes=_indexes(plans[0]),
        indexes_bare=_indexes(plans[1]),
    )


@contextmanager
def _side(login: dict[str, Any]) -> Iterator[_Side]:
    """Yield two connections of a role, without a pool, on Django's database."""
    names = ("HOST", "PORT", "USER", "PASSWORD")
    django = connections.create_connection(DEFAULT_DB_ALIAS)
    django.settings_dict = connection.settings_dict | {name: login[name] for name in names}
    options = django.settings_dict["OPTIONS"]
    django.settings_dict["OPTIONS"] = {key: options[key] for key in options if key != "pool"}
    with (
        closing(django),
        psycopg.connect(
            host=login["HOST"],
            port=login["PORT"] or None,
            user=login["USER"],
            password=login["PASSWORD"] or None,
            dbname=connection.settings_dict["NAME"],
            autocommit=True,
            cursor_factory=psycopg.Cursor,
        ) as opened,
    ):
        yield _Side(django, opened)


def _indexes(plans: list[Plan]) -> frozenset[str]:
    return frozenset(node.index for plan in plans for node in plan.nodes if node.index)
