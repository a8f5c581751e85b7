"""Request traces: the statements and cache lookups of one request."""

from __future__ import annotations

from collections.abc import Callable, Collection, Iterator, Sequence
from contextlib import contextmanager
from contextvars import ContextVar
from dataclasses import dataclass, field
from time import time
from typing import Any

from morpheus.tracing.routes import TraceParent, parse_traceparent

# The alias of the replica; its statements are counted separately.
REPLICA = "replica"

# Number of statements and of lookups that a trace holds. It only counts and times the others.
MAX_DETAILS = 1000

# The `sql` of a commit, which does not count as a query.
COMMIT = "COMMIT"


@dataclass(slots=True)
class Statement:
    """One executed statement.

    Attributes:
        sql: The text that the cursor got; `params` are separate.
        rows: Number of rows returned or changed; None if unknown.
        is_many: Whether `params` is a list of parameters (`executemany`).
        started: `time.perf_counter()` of its start.
    """

    alias: str
    sql: str
    params: Any
    seconds: float
    rows: int | None
    is_failed: bool = False
    is_many: bool = False
    started: float = 0.0


@dataclass(slots=True)
class Lookup:
    """A cache lookup of values of one policy.

    Attributes:
        outcome: A label of `morpheus_cache_requests_total`.
        reader_id: The user that private values belong to; None for public ones.
        tags: Returns the tags that the value of an identity depends on.
    """

    policy: str
    outcome: str
    identities: Collection[Any]
    reader_id: int | None
    tags: Callable[[Any], Sequence[str]]


@dataclass(slots=True)
class RequestTrace:
    """Statements and cache lookups of one request, the first `MAX_DETAILS` of each.

    Attributes:
        queries, replica_queries: Number of all statements without COMMIT, and on the replica.
        seconds: Time of all statements.
        parent: The caller's place in a distributed trace.
    """

    statements: list[Statement] = field(default_factory=list)
    lookups: list[Lookup] = field(default_factory=list)
    queries: int = 0
    seconds: float = 0.0
    replica_queries: int = 0
    parent: TraceParent | None = None

    def add_statement(self, statement: Statement) -> None:
        self.seconds += statement.seconds
        if statement.sql != COMMIT:
            self.queries += 1
            self.replica_queries += statement.alias == REPLICA
        if len(self.statements) < MAX_DETAILS:
            self.statements.append(statement)

    def add_lookup(self, lookup: Lookup) -> None:
        if lookup.identities and len(self.lookups) < MAX_DETAILS:
            self.lookups.append(lookup)


@dataclass(slots=True)
class FinishedRequest:
    """A request whose response was sent or is about to be: plain data, without Django's request.

    Attributes:
        route: Method and route, such as `GET /novels/{novel_id}/` (`morpheus.tracing.routes`).
        seconds: Time in Django's middleware and views, or in the response cache.
        user_id: None for anonymous, or if nothing loaded the user, which would be a query.
        trace: None for a hit of the response cache.
        tags: What the response depends on.
        is_explained: Whether the caller is staff and sent `X-Explain: 1`.
        lookup: If `trace` is None, the outcome of the lookup in the response cache.
        traceparent: The header of this name (`morpheus.tracing.routes`).
        token_id: Of the bearer token that authenticated the caller.
        at: When it finished, in seconds since 1970.
    """

    route: str
    status: int
    seconds: float
    request_id: str
    user_id: int | None = None
    trace: RequestTrace | None = None
    tags: Collection[str] = ()
    is_explained: bool = False
    lookup: str = "hit"
    traceparent: str = ""
    token_id: int | None = None
    at: float = field(default_factory=time)

    @property
    def parent(self) -> TraceParent | None:
        """The caller's place in a distributed trace; no request waits until it is parsed."""
        return parse_traceparent(self.traceparent)


_current: ContextVar[RequestTrace | None] = ContextVar("_current", default=None)


def current_trace() -> RequestTrace | None:
    """Return the trace of the current request; None outside of requests."""
    return _current.get()


def current_parent() -> TraceParent | None:
    """Return the place of the current request's caller in a distributed trace."""
    return trace.parent if (trace := _current.get()) is not None else None


@contextmanager
def trace_request(parent: TraceParent | None = None) -> Iterator[RequestTrace]:
    """Trace the block; a nested block adds to the outer trace."""
    if (outer := _current.get()) is not None:
        yield outer
        return
    trace = RequestTrace(parent=parent)
    token = _current.set(trace)
    try:
        yield trace
    finally:
        _current.reset(token)
