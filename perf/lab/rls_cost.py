"""The cost of row level security: each read as the serving role and as the loader, by turns.

Row level security does not apply to the loader.
"""

from __future__ import annotations

import time
from collections.abc import Iterator
from contextlib import ExitStack, closing, contextmanager
from dataclasses import dataclass, replace
from functools import cache
from statistics import median
from typing import Any

import psutil
from django.conf import settings
from django.db import DEFAULT_DB_ALIAS, connection, connections
from django.test import RequestFactory, override_settings
from rest_framework.test import APIClient

from morpheus.tracing.events import trace_execution
from perf.lab.example_requests import ExampleRequest
from perf.lab.example_rows import ExampleRows
from perf.lab.harness.measurements import measure_in_turns, pin_all
from perf.lab.plans.capture import RequestFailed, Statement, capture_statements, served_host
from perf.lab.plans.recorded_requests import RECORDED
from perf.monitoring.explain import Plan, explain
from users.models import User

# Until all rows are in memory.
WARM_UP = 3
# The order alternates, so that neither role always follows the other one.
_TURNS = ("app", "loader", "loader", "app")

# Beside the examples: further orderings and filters of the longest list.
_FURTHER = (
    ExampleRequest("GET /novels/", {"ordering": "title", "page_size": "100"}),
    ExampleRequest("GET /novels/", {"owner": "{owner_id}"}),
)
_WITH_LARGE_PAGES = ("GET /novels/{novel_id}/chapters/", "GET /comics/{comic_id}/panels/")


@dataclass(frozen=True)
class PrivateRead:
    """A read of tables with private rows; `reader_id` is None for an anonymous caller."""

    sent: ExampleRequest
    path: str
    reader_id: int | None


@dataclass(frozen=True)
class RoleCost:
    """The cost of one read under one role.

    Attributes:
        buffers: Of all its statements.
        route_ms: Median time of the response, with all that is sent for row level security.
        sql_ms: Execution alone; the fastest run, which other processes disturbed least.
        indexes: Indexes in its plans.
    """

    buffers: int
    route_ms: float
    sql_ms: float
    indexes: frozenset[str]


@dataclass(frozen=True)
class ReadCost:
    """The cost of one read under both roles."""

    read: PrivateRead
    statements: int
    app: RoleCost
    loader: RoleCost

    @property
    def buffers_ratio(self) -> float:
        return self.app.buffers / max(1, self.loader.buffers)

    @property
    def route_ratio(self) -> float:
        return self.app.route_ms / self.loader.route_ms


def private_reads(rows: ExampleRows) -> list[PrivateRead]:
    """Return every read of private tables: public ones by both callers, the owner's by the owner.

    `GET /users/me/` reads no table with rows of other users.
    """
    reads: dict[str, ExampleRequest] = {}
    for sent in (*RECORDED, *_FURTHER):
        if sent.route in _WITH_LARGE_PAGES:
            sent = replace(sent, query={"page_size": "100"})
        if sent.is_read and sent.caller in ("anonymous", "owner"):
            reads.setdefault(sent.name, sent)
    values = {**rows.values, "owner_id": rows.owner_id}
    return [
        PrivateRead(sent, sent.build(values).path, reader_id)
        for reader_id in (None, rows.owner_id)
        for sent in reads.values()
        if reader_id is not None or sent.caller == "anonymous"
    ]


def measure_reads(reads: list[PrivateRead], *, rounds: int) -> Iterator[ReadCost]:
    """Yield the cost of each read, from so many pairs of runs.

    Raises:
        CommandError: A response is not 200.
    """
    with ExitStack() as stack:
        stack.enter_context(override_settings(MORPHEUS_CACHE=False))
        app = stack.enter_context(_connect(dict(connection.settings_dict)))
        loader = stack.enter_context(_connect(settings.MORPHEUS_DATABASE_ROLES["loader"]))
        stack.enter_context(pin_all(_backends(app, loader)))
        with_identity = loader.execute_wrappers
        without = [trace_execution]
        for read in reads:
            # Without row level security, only a search of one's own novels needs the identity.
            is_own_search = "scope=mine" in read.path
            loader.execute_wrappers = with_identity if is_own_search else without
            yield _measure_read(read, {"app": app, "loader": loader}, rounds)


def _measure_read(read: PrivateRead, roles: dict[str, Any], rounds: int) -> ReadCost:
    with capture_statements() as captured:
        _respond(read)
    statements = [statement for statement in captured if statement.is_read]

    def measure(name: str) -> tuple[float, list[Plan]]:
        connections[DEFAULT_DB_ALIAS] = roles[name]
        try:
            ms = _respond(read)
        finally:
            connections[DEFAULT_DB_ALIAS] = usual
        return ms, [_explain(roles[name], read, statement) for statement in statements]

    usual = connections[DEFAULT_DB_ALIAS]
    measure_in_turns(_TURNS, measure, rounds=WARM_UP)
    results = measure_in_turns(_TURNS, measure, rounds=(rounds + 1) // 2)
    costs = {
        name: RoleCost(
            buffers=sum(plan.buffers for plan in runs[-1][1]),
            route_ms=median(ms for ms, _ in runs),
            sql_ms=min(sum(plan.execution_ms for plan in plans) for _, plans in runs),
            indexes=frozenset(node.index for plan in runs[-1][1] for node in plan.nodes) - {""},
        )
        for name, runs in results.items()
    }
    return ReadCost(read, len(statements), app=costs["app"], loader=costs["loader"])


def _respond(read: PrivateRead) -> float:
    """Return the milliseconds of a response, with all middleware.

    The lookup of the caller costs the same under both roles, so it is left out.
    """
    environ = RequestFactory(SERVER_NAME=served_host()).get(read.path, secure=True).environ
    handler = _get_client(read.reader_id).handler
    began = time.perf_counter()
    response: Any = handler(environ)
    ms = (time.perf_counter() - began) * 1000
    if response.status_code != 200:
        raise RequestFailed(f"{read.path}: {response.status_code}")
    if response.streaming:
        # Its end closes the file; close() would close the connection too.
        b"".join(response.streaming_content)
    return ms


@cache
def _get_client(reader_id: int | None) -> APIClient:
    # The first request of each client loads the middleware.
    client = APIClient()
    if reader_id is not None:
        client.force_authenticate(User(pk=reader_id))
    return client


def _explain(role: Any, read: PrivateRead, statement: Statement) -> Plan:
    """Return the executed plan of a statement, with the reader's identity.

    Its time is by PostgreSQL's clock: waking a client takes as long as a short statement.
    """
    with role.connection.transaction():
        identity = [str(read.reader_id or "")]
        role.connection.execute("SELECT set_config('app.user_id', %s, true)", identity)
        return explain(role.connection, statement.sql, statement.params, analyze=True)


@contextmanager
def _connect(login: dict[str, Any]) -> Iterator[Any]:
    """Open a connection of Django to its database as another role, without a pool."""
    usual = connection.settings_dict
    opened: Any = connections.create_connection(DEFAULT_DB_ALIAS)
    options = {name: value for name, value in usual["OPTIONS"].items() if name != "pool"}
    names = ("HOST", "PORT", "USER", "PASSWORD")
    opened.settings_dict = usual | {name: login[name] for name in names} | {"OPTIONS": options}
    with closing(opened):
        opened.ensure_connection()
        yield opened


def _backends(*roles: Any) -> Iterator[psutil.Process]:
    """Yield PostgreSQL's processes for these connections, if they run on this machine."""
    for role in roles:
        pid = role.connection.info.backend_pid
        if psutil.pid_exists(pid):
            yield psutil.Process(pid)
