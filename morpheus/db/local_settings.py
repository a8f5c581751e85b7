"""Settings of PostgreSQL that hold for one statement and cost no round trip."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager, nullcontext
from contextvars import ContextVar
from typing import Any

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
