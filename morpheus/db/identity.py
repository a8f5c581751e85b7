"""Whom the database's row level security takes a statement for."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager

from django.db import DEFAULT_DB_ALIAS, connections, transaction

from morpheus.db.local_settings import is_sent, sent_with_statements, statements_alone
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

# Outside a transaction only this is sent: staff rights exist in transactions alone. The identity of
# an anonymous caller is empty, and not sent.
_USER = "app.user_id"


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
    if user_id is None and not staff and not nested and not is_sent(_USER):
        yield
        return
    with statements_alone(), transaction.atomic(using=alias), connection.cursor() as cursor:
        # Inside an outer transaction the setting would outlive the block: put back the old.
        previous = cursor.execute(_READ).fetchone() if nested else None
        cursor.execute(_BEGIN, ["" if user_id is None else str(user_id), "on" if staff else ""])
        connection.collects_touches = True  # type: ignore[attr-defined]
        yield
        if previous is not None:
            cursor.execute(_SET, [value or "" for value in previous])


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
    if user_id is None and not is_sent(_USER):
        yield  # An anonymous caller needs no identity, as in `acting_as`.
        return
    with sent_with_statements(connection, _USER, "" if user_id is None else str(user_id)):
        yield
