"""What one request did: its statements, and what it asked of the cache."""

from __future__ import annotations

from collections.abc import Callable, Collection, Iterator, Sequence
from contextlib import contextmanager
from contextvars import ContextVar
from dataclasses import dataclass, field
from typing import Any

from django.http import HttpRequest

from morpheus.django_internals.django import get_loaded_user

# The database alias whose statements are counted apart.
REPLICA = "replica"

# Of so many statements and lookups the details are kept; of more, their number and time alone.
DETAILED = 1000

# How the end of a transaction is noted; it is no query.
COMMIT = "COMMIT"


@dataclass(slots=True)
class Statement:
    """One statement that ran.

    Attributes:
        alias: Which database.
        sql: As it was given to the cursor; parameters are in `params`.
        seconds: From before it was sent until its result was there; of a cursor that is read row
            by row (`.iterator()`), of all its round trips, and of COPY, of the whole.
        rows: Returned or changed; None where nobody knows.
        is_failed: Whether it raised an error.
        is_many: Whether `params` are many, for each of which it ran (`executemany`).
    """

    alias: str
    sql: str
    params: Any
    seconds: float
    rows: int | None
    is_failed: bool = False
    is_many: bool = False


@dataclass(slots=True)
class Lookup:
    """Values of one policy that were asked for together.

    Attributes:
        policy: By its name.
        outcome: As in `morpheus_cache_requests_total`.
        identities: Which values.
        reader_id: Whose they are; None of public ones.
        tags: Tells what one of the values depends on, for whoever wants to know.
    """

    policy: str
    outcome: str
    identities: Collection[Any]
    reader_id: int | None
    tags: Callable[[Any], Sequence[str]]


@dataclass(slots=True)
class RequestTrace:
    """Everything of one request.

    Attributes:
        statements: Those that ran, in order, at most `DETAILED`.
        lookups: What was asked of the cache, likewise.
        queries: How many statements ran, COMMIT not among them.
        seconds: How long all of them took.
        replica_queries: How many of them the replica answered.
    """

    statements: list[Statement] = field(default_factory=list)
    lookups: list[Lookup] = field(default_factory=list)
    queries: int = 0
    seconds: float = 0.0
    replica_queries: int = 0

    def add_statement(self, statement: Statement) -> None:
        """Note a statement."""
        self.seconds += statement.seconds
        if statement.sql != COMMIT:
            self.queries += 1
            self.replica_queries += statement.alias == REPLICA
        if len(self.statements) < DETAILED:
            self.statements.append(statement)

    def add_lookup(self, lookup: Lookup) -> None:
        """Note that values were asked for."""
        if lookup.identities and len(self.lookups) < DETAILED:
            self.lookups.append(lookup)


@dataclass(slots=True)
class FinishedRequest:
    """A request that was answered.

    Attributes:
        route: Method and route, such as `GET /novels/{novel_id}/` (`morpheus.tracing.routes`).
        seconds: What it took: from Django's outermost middleware to the answer, or in the fast
            lane.
        trace: None where an answer that was kept left as it was.
        request: Django's; None where Django was not asked.
    """

    route: str
    status: int
    seconds: float
    request_id: str
    trace: RequestTrace | None = None
    request: HttpRequest | None = None

    @property
    def user(self) -> Any:
        """Who asked; None for nobody, and where nothing wanted to know: asking would be a query."""
        if self.request is None:
            return None
        return get_loaded_user(self.request)

    @property
    def user_id(self) -> int | None:
        """Primary key of `user`."""
        return getattr(self.user, "pk", None)


_current: ContextVar[RequestTrace | None] = ContextVar("_current", default=None)


def current_trace() -> RequestTrace | None:
    """Return the trace of the current request; None outside of requests."""
    return _current.get()


@contextmanager
def trace_request() -> Iterator[RequestTrace]:
    """Keep a trace of the block; within another such block, that one's."""
    if (outer := _current.get()) is not None:
        yield outer
        return
    trace = RequestTrace()
    token = _current.set(trace)
    try:
        yield trace
    finally:
        _current.reset(token)
