"""PostgreSQL settings for one statement at no round trip, and the limits of a serving process."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager, nullcontext
from contextvars import ContextVar
from typing import Any

from django.conf import settings
from django.db import NotSupportedError
from psycopg import Cursor

# By name; an empty value is not sent, because no statement inherits a value from another one.
_settings: ContextVar[Mapping[str, str]] = ContextVar("_settings", default={})  # noqa: B039


@contextmanager
def sent_with_statements(connection: Any, name: str, value: str) -> Iterator[None]:
    """Send a setting in front of each statement of the block, in the same message (a pipeline).

    Without a transaction of its own, PostgreSQL takes all messages before one sync for one
    transaction. A local setting therefore holds for exactly that statement, also behind a PgBouncer
    in transaction mode. Not for use in a transaction: there it would hold until the end.
    """
    before = _settings.get()
    token = _settings.set({**before, name: value})
    try:
        # An outer block has added the wrapper already.
        with nullcontext() if before else connection.execute_wrapper(_send_together):
            yield
    finally:
        _settings.reset(token)


@contextmanager
def statements_alone() -> Iterator[None]:
    """Send nothing with the statements of the block: a transaction has settings of its own."""
    token = _settings.set({})
    try:
        yield
    finally:
        _settings.reset(token)


def is_sent(name: str) -> bool:
    """Tell whether an outer block decides on the setting."""
    return name in _settings.get()


def _send_together(
    execute: Callable[..., Any], sql: str, params: Any, many: bool, context: dict[str, Any]
) -> Any:
    settings = {name: value for name, value in _settings.get().items() if value}
    if not settings:
        return execute(sql, params, many, context)
    if getattr(context["cursor"].cursor, "name", None):
        # Later messages read it, when the settings have ended.
        raise NotSupportedError(
            "Read by .iterator() inside write_transaction(), not read_transaction()."
        )
    database = context["connection"]
    calls = ", ".join(f"set_config('{name}', %s, true)" for name in settings)
    # Errors and results arrive at the end of the pipeline, before anything reads the cursor.
    with database.wrap_database_errors, database.connection.pipeline():
        # A plain cursor: nothing counts this one.
        Cursor(database.connection).execute(f"SELECT {calls}", [*settings.values()])
        return execute(sql, params, many, context)


_QUERY_CANCELED = "57014"


def limit_statements(database: dict[str, Any]) -> None:
    """Give the connections that will be opened with `database` the limits of serving.

    A statement beyond them is an OperationalError, hence a 503. Set as the connection starts: no
    round trip, and nothing that a request sets or a pool hands on can lift them. PgBouncer takes no
    options: there they are in its configuration (docs/pool.md).
    """
    if settings.MORPHEUS_PGBOUNCER:
        return
    limits = [f"-c {name}={limit}" for name, limit in settings.MORPHEUS_SERVING_LIMITS_MS.items()]
    options = database["OPTIONS"]
    database["OPTIONS"] = options | {"options": " ".join([options.get("options", ""), *limits])}


@contextmanager
def statement_limit(connection: Any, seconds: float) -> Iterator[None]:
    """Cancel each statement of the block that takes longer than `seconds`; 0 adds no limit.

    The limit takes the place of `MORPHEUS_STATEMENT_TIMEOUT_S` and costs no round trip. PostgreSQL
    starts the timer anew with each message of a pipeline, since version 11, so a limit that was set
    by one statement holds for the next. In a transaction, the limit of the connection stays.
    """
    if not seconds or connection.in_atomic_block:
        yield
        return
    with sent_with_statements(connection, "statement_timeout", f"{max(1, int(1000 * seconds))}"):
        yield


def is_canceled(error: Exception) -> bool:
    """Tell whether PostgreSQL canceled the statement, rather than being out of reach."""
    return getattr(error.__cause__, "sqlstate", None) == _QUERY_CANCELED
