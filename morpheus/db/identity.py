"""Whom the database's row level security takes the current transaction for."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager

from django.db import connections, transaction

from morpheus.db.replica import reading_alias

_READ = "SELECT current_setting('app.user_id', true), current_setting('app.staff', true)"
_SET = "SELECT set_config('app.user_id', %s, true), set_config('app.staff', %s, true)"


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
    if user_id is None and not staff and not nested:
        yield
        return
    with transaction.atomic(using=alias), connection.cursor() as cursor:
        # Inside an outer transaction the setting would outlive the block: put the old one back.
        previous = cursor.execute(_READ).fetchone() if nested else None
        cursor.execute(_SET, ["" if user_id is None else str(user_id), "on" if staff else ""])
        yield
        if previous is not None:
            cursor.execute(_SET, [value or "" for value in previous])
