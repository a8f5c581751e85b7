"""Transactions and reads under the identity that row level security checks.

A write in five files: `write_transaction` here opens the list of tags, which triggers append to
(`cache_touch`, morpheus/cache/sql/outbox.sql), and `WritePipeline` (`morpheus.db.write_pipeline`)
sends that with the first statement. At COMMIT, `DatabaseWrapper.commit_transaction`
(`morpheus.db.postgresql.base`) calls `commit_and_invalidate` (`morpheus.cache.tagged_commit`),
which sets write intents, commits and invalidates by `CacheStore` (`morpheus.cache.store`).
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from contextlib import contextmanager
from typing import Any, TypeVar

from django.db import DEFAULT_DB_ALIAS, connections, transaction

from morpheus.db.replica import reading_alias
from morpheus.db.statement_settings import (
    is_set_for_statements,
    no_settings_for_statements,
    settings_for_statements,
    trace_settings,
)
from morpheus.db.write_pipeline import WritePipeline

Value = TypeVar("Value")

_READ = "SELECT current_setting('app.user_id', true), current_setting('app.staff', true)"
_SET = "SELECT set_config('app.user_id', %s, true), set_config('app.staff', %s, true)"
# One statement, so that collecting tags costs no round trip of its own. It opens the list that
# triggers append tags to, unless an outer block has. An open list begins with a dot, so that it
# differs from an unset setting.
_BEGIN = f"""
{_SET},
set_config('app.touches', COALESCE(NULLIF(current_setting('app.touches', true), ''), '.'), true)
"""

_USER_ID = "app.user_id"


@contextmanager
def write_transaction(*, as_user: int | None = None, as_staff: bool = False) -> Iterator[None]:
    """Run the block in one transaction with the identity of a user; without one, anonymously.

    Triggers collect the tags of what the block changes. The commit sets a write intent on each of
    them first and invalidates them afterwards, so no response leaves before its tags are
    invalidated. A rollback invalidates nothing.

    The identity is transaction-local, because pooled connections keep session state. BEGIN and the
    identity are sent with the first statement, so they cost no round trip. A nested block joins the
    outer transaction and restores the outer identity at its end.

    Args:
        as_user: Primary key of the user.
        as_staff: Whether the block may read and change every row. Only the admin needs it.
    """
    connection: Any = connections[DEFAULT_DB_ALIAS]
    params = [_text(as_user), "on" if as_staff else ""]
    if connection.in_atomic_block:
        with _nested_identity(connection, _BEGIN, params):
            connection.collects_tags = True
            yield
        return
    begin = _BEGIN
    for name, value in trace_settings().items():
        begin += f", set_config('{name}', %s, true)"
        params.append(value)
    with no_settings_for_statements(), transaction.atomic():
        connection.collects_tags = True
        pipeline = connection.write_pipeline = WritePipeline(begin, params)
        try:
            yield
            pipeline.flush(connection)
        finally:
            connection.write_pipeline = None


@contextmanager
def unowned_write_transaction() -> Iterator[None]:
    """Run the block in a `write_transaction`, for tables without row level security.

    Inside of another one, it keeps that one's identity and sends no statement for it.
    """
    connection: Any = connections[DEFAULT_DB_ALIAS]
    is_nested = connection.in_atomic_block and connection.collects_tags
    with transaction.atomic() if is_nested else write_transaction():
        yield


@contextmanager
def read_transaction(as_user: int | None) -> Iterator[None]:
    """Run each statement of the block as a transaction with the user's identity.

    The identity is sent in the same message as the statement (pipelined `set_config`), so it costs
    no round trip and ends with the statement. Each statement sees the commits from before its
    start, as under READ COMMITTED. An anonymous caller needs no identity.

    Inside a transaction, the block joins it and restores the outer identity at its end.
    """
    connection = connections[reading_alias()]
    if connection.in_atomic_block:
        with _nested_identity(connection, _SET, [_text(as_user), ""]):
            yield
    elif as_user is None and not is_set_for_statements(_USER_ID):
        yield
    else:
        with settings_for_statements(_USER_ID, _text(as_user)):
            yield


def read_as(user_id: int | None, load: Callable[[], Value]) -> Value:
    """Return the result of `load`, whose statements run in a `read_transaction`."""
    is_bare = not (connections[reading_alias()].in_atomic_block or is_set_for_statements(_USER_ID))
    if user_id is None and is_bare:
        return load()
    with read_transaction(as_user=user_id):
        return load()


@contextmanager
def _nested_identity(connection: Any, begin: str, params: list[str]) -> Iterator[None]:
    """Run the block inside a transaction; `begin` sets its identity, its end the outer one."""
    with no_settings_for_statements(), connection.cursor() as cursor:
        with transaction.atomic(using=connection.alias):
            outer = cursor.execute(_READ).fetchone()
            cursor.execute(begin, params)
            yield
            cursor.execute(_SET, [value or "" for value in outer])


def _text(user_id: int | None) -> str:
    return "" if user_id is None else str(user_id)
