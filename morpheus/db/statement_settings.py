"""PostgreSQL settings for single statements without a round trip, and limits of a server."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from contextvars import ContextVar
from typing import Any

from django.conf import settings
from psycopg import Cursor

from morpheus.tracing.request_trace import current_parent

_QUERY_CANCELED = "57014"

# By name. An empty value is not sent, because no statement inherits a value.
_settings: ContextVar[Mapping[str, str]] = ContextVar("_settings", default={})  # noqa: B039


@contextmanager
def settings_for_statements(name: str, value: str) -> Iterator[None]:
    """Set a parameter for each statement of the block, by a `set_config` in the same pipeline.

    Outside of a transaction, PostgreSQL treats all messages before one sync as one transaction. A
    local setting therefore lasts for that statement only, even behind a PgBouncer in transaction
    mode. Inside a transaction it would last until the end, so do not use it there.
    """
    token = _settings.set({**_settings.get(), name: value})
    try:
        yield
    finally:
        _settings.reset(token)


@contextmanager
def no_settings_for_statements() -> Iterator[None]:
    """Send no settings with the statements of the block, because its transaction has its own."""
    token = _settings.set({})
    try:
        yield
    finally:
        _settings.reset(token)


def is_set_for_statements(name: str) -> bool:
    """Return whether an outer block sets the parameter."""
    return name in _settings.get()


def trace_settings() -> dict[str, str]:
    """Return the setting that names the request's distributed trace, if its caller records it.

    `pg_stat_activity` and the log of PostgreSQL show it. A comment in the statement would be a new
    statement for each request, which is prepared and planned anew (docs/monitoring.md).
    """
    parent = current_parent()
    if parent is None or not parent.is_sampled:
        return {}
    return {"application_name": f"morpheus {parent.trace_id}"}


def has_settings() -> bool:
    """Return whether the statements of the block have settings."""
    return any(_settings.get().values()) or bool(trace_settings())


def execute_with_settings(
    execute: Callable[..., Any], sql: Any, params: Any, many: bool, context: dict[str, Any]
) -> Any:
    """Send the settings of the block, of which there are some, with a statement."""
    values = {name: value for name, value in _settings.get().items() if value} | trace_settings()
    database = context["connection"]
    calls = ", ".join(f"set_config('{name}', %s, true)" for name in values)
    # Errors and results arrive when the pipeline ends, before the cursor is read.
    with database.wrap_database_errors, database.connection.pipeline():
        # Not by a cursor of Django, which would trace and count the statement.
        Cursor(database.connection).execute(f"SELECT {calls}", [*values.values()])
        return execute(sql, params, many, context)


@contextmanager
def statement_timeout(connection: Any, seconds: float) -> Iterator[None]:
    """Cancel each statement of the block after `seconds`; 0 changes nothing.

    It replaces `MORPHEUS_STATEMENT_TIMEOUT_S` and costs no round trip: since version 11, PostgreSQL
    restarts the timer for each message of a pipeline. Inside a transaction it changes nothing.
    """
    if not seconds or connection.in_atomic_block:
        yield
        return
    milliseconds = f"{max(1, int(1000 * seconds))}"
    with settings_for_statements("statement_timeout", milliseconds):
        yield


def set_serving_limits(database: dict[str, Any]) -> None:
    """Add the limits of a serving process to the settings of a database.

    A statement beyond them raises OperationalError, which becomes a 503. They are options of the
    connection, so they cost no round trip, and no request can change them. PgBouncer accepts no
    options; there its configuration has the limits (docs/pool.md).
    """
    if settings.MORPHEUS_PGBOUNCER:
        return
    limits = [f"-c {name}={limit}" for name, limit in settings.MORPHEUS_SERVING_LIMITS_MS.items()]
    options = database["OPTIONS"]
    database["OPTIONS"] = options | {"options": " ".join([options.get("options", ""), *limits])}


def is_canceled(error: Exception) -> bool:
    """Return whether PostgreSQL canceled the statement, as opposed to being unavailable."""
    return getattr(error.__cause__, "sqlstate", None) == _QUERY_CANCELED
