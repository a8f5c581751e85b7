"""Whom the database's row level security takes a statement for."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from contextlib import contextmanager, nullcontext
from contextvars import ContextVar
from typing import Any

from django.db import DEFAULT_DB_ALIAS, NotSupportedError, connections, transaction
from psycopg import Cursor

from morpheus.db.replica import reading_alias

_READ = "SELECT current_setting('app.user_id', true), current_setting('app.staff', true)"
_SET = "SELECT set_config('app.user_id', %s, true), set_config('app.staff', %s, true)"
# Also opens the list of what the transaction changes, unless an outer block has: triggers add to it
# (morpheus.cache), and our connection reads it before it commits. It starts with a dot.
_COLLECT = (
    "set_config('app.touches', COALESCE(NULLIF(current_setting('app.touches', true), ''), '.'), "
    "true)"
)
_BEGIN = f"{_SET}, {_COLLECT}"

# Of staff nothing is said outside a transaction, where it is off.
_SET_USER = "SELECT set_config('app.user_id', %s, true)"

# The user whose identity goes with each statement; None where a transaction has its identity.
# Nobody's is not sent: outside a transaction, no statement has another's.
_NOBODY = ""
_companion: ContextVar[str | None] = ContextVar("_companion", default=None)


@contextmanager
def acting_as(user_id: int | None, *, staff: bool = False) -> Iterator[None]:
    """Run the block in one transaction whose identity is `user_id`; None is anonymous.

    The identity ends with the transaction, because pooled connections keep what a session sets.
    Anonymous callers need none, so they cost no transaction and no round trip.

    Args:
        user_id: The caller's primary key.
        staff: Whether every row may be seen and changed (the admin, and nothing else).
    """
    alias = reading_alias()
    connection = connections[alias]
    nested = connection.in_atomic_block
    if user_id is None and not staff and not nested and _companion.get() is None:
        yield
        return
    before = _companion.set(None)
    try:
        with transaction.atomic(using=alias), connection.cursor() as cursor:
            # Inside an outer transaction the setting would outlive the block: put back the old.
            previous = cursor.execute(_READ).fetchone() if nested else None
            cursor.execute(_BEGIN, ["" if user_id is None else str(user_id), "on" if staff else ""])
            connection.collects_touches = True  # type: ignore[attr-defined]
            yield
            if previous is not None:
                cursor.execute(_SET, [value or "" for value in previous])
    finally:
        _companion.reset(before)


@contextmanager
def telling_the_cache() -> Iterator[None]:
    """Run the block in one transaction that tells the cache what it changed, as `acting_as` does.

    For tables that are nobody's.
    """
    connection = connections[DEFAULT_DB_ALIAS]
    with transaction.atomic(), connection.cursor() as cursor:
        cursor.execute(f"SELECT {_COLLECT}")
        connection.collects_touches = True  # type: ignore[attr-defined]
        yield


@contextmanager
def reading_as(user_id: int | None) -> Iterator[None]:
    """Run the block with `user_id` as the identity of each statement, without a transaction.

    The identity is set in the same message to the server as the statement (a pipeline), so it costs
    no round trip, and nobody inherits it: the server ends it with the statement. Statements see
    what is committed when each of them starts, as they do in a transaction of READ COMMITTED.

    Inside a transaction this is `acting_as`.
    """
    connection = connections[reading_alias()]
    if connection.in_atomic_block:
        with acting_as(user_id):
            yield
        return
    if user_id is None and _companion.get() is None:
        yield  # Nobody needs no identity, as in `acting_as`.
        return
    # Within another such block, statements have a companion already.
    is_nested = _companion.get() is not None
    before = _companion.set(_NOBODY if user_id is None else str(user_id))
    try:
        with nullcontext() if is_nested else connection.execute_wrapper(_accompanied):
            yield
    finally:
        _companion.reset(before)


def _accompanied(
    execute: Callable[..., Any], sql: str, params: Any, many: bool, context: dict[str, Any]
) -> Any:
    """Send the identity and the statement together: both run before the server's next sync.

    Without a transaction of its own, what is sent before one sync is one transaction to PostgreSQL.
    """
    identity = _companion.get()
    if not identity:  # None, or nobody.
        return execute(sql, params, many, context)
    if getattr(context["cursor"].cursor, "name", None):
        # It is read by later messages, when the identity has ended.
        raise NotSupportedError("Read by .iterator() inside acting_as(), not reading_as().")
    database = context["connection"]
    # Errors and results arrive at the end of the pipeline, before anything reads the cursor.
    with database.wrap_database_errors, database.connection.pipeline():
        # A plain cursor: nothing counts this one.
        Cursor(database.connection).execute(_SET_USER, [identity])
        return execute(sql, params, many, context)
