"""Request traces: the statements and cache lookups of one request."""

from __future__ import annotations

from collections.abc import Callable, Collection, Iterator, Sequence
from contextlib import contextmanager
from contextvars import ContextVar
from dataclasses import dataclass, field
from typing import Any

from django.http import HttpRequest

from morpheus.django_internals.django import get_loaded_user

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
        alias: The database.
        sql: The text that the cursor got; `params` are separate.
        seconds: From sending to the result.
        rows: Number of rows returned or changed; None if unknown.
        is_failed: Whether it raised an error.
        is_many: Whether `params` is a list of parameters (`executemany`).
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
    """A cache lookup of values of one policy.

    Attributes:
        policy: The policy's name.
        outcome: A label of `morpheus_cache_requests_total`.
        identities: The values' identities.
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
    """Statements and cache lookups of one request.

    Attributes:
        statements: In order, at most `MAX_DETAILS`.
        lookups: In order, at most `MAX_DETAILS`.
        queries: Number of statements without COMMIT.
        seconds: Time of all statements.
        replica_queries: Number of statements on the replica.
    """

    statements: list[Statement] = field(default_factory=list)
    lookups: list[Lookup] = field(default_factory=list)
    queries: int = 0
    seconds: float = 0.0
    replica_queries: int = 0

    def add_statement(self, statement: Statement) -> None:
        """Add a statement."""
        self.seconds += statement.seconds
        if statement.sql != COMMIT:
            self.queries += 1
            self.replica_queries += statement.alias == REPLICA
        if len(self.statements) < MAX_DETAILS:
            self.statements.append(statement)

    def add_lookup(self, lookup: Lookup) -> None:
        """Add a cache lookup."""
        if lookup.identities and len(self.lookups) < MAX_DETAILS:
            self.lookups.append(lookup)


@dataclass(slots=True)
class FinishedRequest:
    """A request whose response was sent or is about to be.

    Attributes:
        route: Method and route, such as `GET /novels/{novel_id}/` (`morpheus.tracing.routes`).
        seconds: Time in Django's middleware and views, or in the response cache.
        trace: None for a hit of the response cache.
        request: Django's request; None for a hit of the response cache.
    """

    route: str
    status: int
    seconds: float
    request_id: str
    trace: RequestTrace | None = None
    request: HttpRequest | None = None

    @property
    def user(self) -> Any:
        """The user; None for anonymous, or if nothing loaded the user, which would be a query."""
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
    """Trace the block; a nested block adds to the outer trace."""
    if (outer := _current.get()) is not None:
        yield outer
        return
    trace = RequestTrace()
    token = _current.set(trace)
    try:
        yield trace
    finally:
        _current.reset(token)
