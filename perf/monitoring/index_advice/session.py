"""One transaction that sees an index nobody else sees: the owner's, planned as the serving role."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

from django.conf import settings
from django.db import DatabaseError, connection, transaction

from morpheus.db.roles import connected_as

# Of one statement, of waiting for a lock; writers of the table wait as long as a trial takes.
STATEMENT_TIMEOUT_MS = 60_000
LOCK_TIMEOUT_MS = 2_000


class CannotPlanAsServingRole(Exception):
    """The owner may not act as the serving role; the message says how to let it."""


@contextmanager
def as_owner() -> Iterator[None]:
    """Connect as the owner of the tables for the block."""
    with connected_as("owner"):
        yield


@contextmanager
def undone() -> Iterator[Any]:
    """Give a cursor in a transaction with timeouts that is rolled back, whatever happens."""
    with transaction.atomic(), connection.cursor() as cursor:
        cursor.execute(f"SET LOCAL statement_timeout = {STATEMENT_TIMEOUT_MS}")
        cursor.execute(f"SET LOCAL lock_timeout = {LOCK_TIMEOUT_MS}")
        try:
            yield cursor
        finally:
            transaction.set_rollback(True)


@contextmanager
def acting_as_role(cursor: Any, role: str) -> Iterator[None]:
    """Run the block as another role, in this transaction.

    Raises:
        CannotPlanAsServingRole: It is not allowed.
    """
    cursor.execute(
        "SELECT session_user = %s OR pg_has_role(session_user, %s, 'MEMBER')", [role] * 2
    )
    if not cursor.fetchone()[0]:
        raise CannotPlanAsServingRole(
            f"The owner may not act as {role}. `manage.py services roles` lets it, or as an "
            f"administrator: GRANT {role} TO {settings.DATABASE_ROLES['owner']['USER']}"
        )
    name = connection.ops.quote_name(role)
    cursor.execute(f"SET LOCAL ROLE {name}")
    try:
        yield
    except DatabaseError:
        raise  # The transaction is over, and the role with it.
    else:
        cursor.execute("SET LOCAL ROLE NONE")
