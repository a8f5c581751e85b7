"""The cost of row level security: each read as the serving role and as the loader, by turns.

Row level security does not apply to the loader.
"""

from __future__ import annotations

import time
from collections.abc import Iterator
from contextlib import AbstractContextManager, ExitStack, closing, contextmanager, nullcontext
from dataclasses import dataclass, replace
from statistics import median
from typing import Any

import psutil
from django.conf import settings
from django.db import DEFAULT_DB_ALIAS, connection, connections
from django.test import RequestFactory, override_settings
from rest_framework.test import ForceAuthClientHandler

from morpheus.django_internals.rest_framework import force_user
from perf.lab.example_requests import ExampleRequest
from perf.lab.example_rows import ExampleRows
from perf.lab.harness.measurements import measure_in_turns
from perf.lab.harness.pinning import pinned
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
    public, own = [], []
    for sent in (*RECORDED, *_FURTHER):
        if sent.route in _WITH_LARGE_PAGES:
            sent = replace(sent, query={"page_size": "100"})
        if sent.is_read and sent.caller == "anonymous":
            public.append(sent)
        elif sent.is_read and sent.caller == "owner":
            own.append(sent)
    values = {**rows.values, "owner_id": rows.owner_id}
    names = {sent.name for sent in public}
    own = [sent for sent in own if sent.name not in names]
    return [
        PrivateRead(sent, sent.build(values).path, reader_id)
        for reader_id, reads in ((None, public), (rows.owner_id, public + own))
        for sent in reads
    ]


def measure_reads(reads: list[PrivateRead], *, rounds: int) -> Iterator[ReadCost]:
    """Yield the cost of each read, from so many pairs of runs.

    Raises:
        RequestFailed: A response is not 200.
    """
    with ExitStack() as stack:
        stack.enter_context(override_settings(MORPHEUS_CACHE=False))
        roles = {
            name: stack.enter_context(_connect(login))
            for name, login in (
                ("app", dict(connection.settings_dict)),
                ("loader", settings.MORPHEUS_DATABASE_ROLES["loader"]),
            )
        }
        stack.enter_context(pinned(_backends(roles.values())))
        for read in reads:
            roles["loader"].sends_identity = "scope=mine" in read.path
            yield _measure_read(read, roles, rounds)


def _measure_read(read: PrivateRead, roles: dict[str, _Role], rounds: int) -> ReadCost:
    with capture_statements() as captured:
        _respond(read)
    statements = [statement for statement in captured if statement.is_read]

    def measure(name: str) -> tuple[float, list[Plan]]:
        role = roles[name]
        ms = role.time_response(read)
        return ms, [role.explain(statement, read.reader_id) for statement in statements]

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
    handler = ForceAuthClientHandler()
    user = None if read.reader_id is None else User(pk=read.reader_id)
    force_user(handler, user)
    began = time.perf_counter()
    response: Any = handler(environ)
    ms = (time.perf_counter() - began) * 1000
    if response.status_code != 200:
        raise RequestFailed(f"{read.path}: {response.status_code}")
    if response.streaming:
        # Its end closes the file; close() would close the connection too.
        b"".join(response.streaming_content)
    return ms


class _Role:
    """A connection of one role.

    Attributes:
        sends_identity: Whether requests send the caller's identity with their statements. Without
            row level security only a search of one's own novels needs it.
    """

    def __init__(self, django_connection: Any, *, is_bound: bool) -> None:
        self.connection = django_connection
        self.sends_identity = self._is_bound = is_bound
        self._with_identity = django_connection.execute_wrapper

    def time_response(self, read: PrivateRead) -> float:
        """Return the milliseconds of a response on this connection."""
        self.connection.execute_wrapper = (
            self._with_identity if self._is_bound or self.sends_identity else _ignore_wrapper
        )
        usual = connections[DEFAULT_DB_ALIAS]
        connections[DEFAULT_DB_ALIAS] = self.connection
        try:
            return _respond(read)
        finally:
            connections[DEFAULT_DB_ALIAS] = usual

    def explain(self, statement: Statement, reader_id: int | None) -> Plan:
        """Return the executed plan of a statement.

        Its time is by PostgreSQL's clock: waking a client takes as long as a short statement.
        """
        raw = self.connection.connection
        with raw.transaction():
            raw.execute("SELECT set_config('app.user_id', %s, true)", [str(reader_id or "")])
            return explain(raw, statement.sql, statement.params, analyze=True)


def _ignore_wrapper(wrapper: Any) -> AbstractContextManager[None]:
    return nullcontext()


@contextmanager
def _connect(login: dict[str, Any]) -> Iterator[_Role]:
    """Open a connection to Django's database without a pool."""
    usual = connection.settings_dict
    opened = connections.create_connection(DEFAULT_DB_ALIAS)
    opened.settings_dict = usual | {
        name: login[name] for name in ("HOST", "PORT", "USER", "PASSWORD")
    }
    opened.settings_dict["OPTIONS"] = {
        name: value for name, value in usual["OPTIONS"].items() if name != "pool"
    }
    with closing(opened):
        opened.ensure_connection()
        yield _Role(opened, is_bound=login["USER"] == usual["USER"])


def _backends(roles: Any) -> Iterator[psutil.Process]:
    """Yield PostgreSQL's processes for these connections, if they run on this machine."""
    for role in roles:
        pid = role.connection.connection.info.backend_pid
        if psutil.pid_exists(pid):
            yield psutil.Process(pid)
