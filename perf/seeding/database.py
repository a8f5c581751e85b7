"""The statements around the COPYs of seeding: locks, emptying, ids, roles."""

# ruff: noqa: S608 - the names in the statements are the constants of tables.py

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

from django.contrib.admin.models import LogEntry

from morpheus.db.transactions import write_transaction
from morpheus.embedded.roles import LOADER
from users.models import User

from .tables import COLUMNS, DOMAIN, JOBS, USERS

# Longer than any request of a running server holds its locks.
LOCK_TIMEOUT_MS = 15_000


class DatabaseNotEmpty(Exception):
    """There are rows already, and no option allows to delete them."""

    def __init__(self) -> None:
        super().__init__(
            "The database is not empty. --reset deletes all novels, comics and users in it except "
            "superusers."
        )


@contextmanager
def as_loader(cursor: Any) -> Iterator[None]:
    """Run the block as the role that bypasses row level security.

    A role inside the owner's transaction, not a login of its own: COPY, DDL and the checks are one
    transaction. If the block fails, the rollback ends the role too.
    """
    cursor.execute(f"SET LOCAL ROLE {LOADER}")
    yield
    cursor.execute("SET LOCAL ROLE NONE")


def prepare_session(cursor: Any) -> None:
    """Set the limits of this transaction."""
    for name, value in {
        "lock_timeout": f"{LOCK_TIMEOUT_MS}ms",
        "statement_timeout": "0",
        "idle_in_transaction_session_timeout": "0",
        # If this process is killed, the server notices within this time and rolls back.
        "client_connection_check_interval": "1s",
    }.items():
        cursor.execute(f"SET LOCAL {name} = '{value}'")


def is_empty(cursor: Any) -> bool:
    """Return whether only operators and reference tables have rows."""
    checks = [f"EXISTS (SELECT FROM {table})" for table in DOMAIN]
    checks.append(f"EXISTS (SELECT FROM {USERS} WHERE NOT is_superuser)")
    with as_loader(cursor):
        cursor.execute(f"SELECT NOT ({' OR '.join(checks)})")
        return bool(cursor.fetchone()[0])


def lock(cursor: Any) -> None:
    """Keep readers and writers out until the transaction ends."""
    cursor.execute(f"LOCK TABLE {', '.join([USERS, *DOMAIN])} IN ACCESS EXCLUSIVE MODE")


def empty(cursor: Any) -> None:
    """Delete everything but operators and reference tables; ids start at 1 again.

    TRUNCATE gives each table a new file. Rows that the same transaction then copies into it need
    no WAL (where `wal_level` is `minimal`) and can be frozen at once.
    """
    cursor.execute(f"TRUNCATE {', '.join([*DOMAIN, JOBS])} RESTART IDENTITY")
    with write_transaction(as_staff=True):
        _delete_readers(cursor)
    # Check deferred foreign keys now: pending checks forbid DDL.
    cursor.execute("SET CONSTRAINTS ALL IMMEDIATE")


def _delete_readers(cursor: Any) -> None:
    readers = User.objects.filter(is_superuser=False)
    LogEntry.objects.filter(user__in=readers).delete()
    User.groups.through.objects.filter(user__in=readers).delete()
    User.user_permissions.through.objects.filter(user__in=readers).delete()
    # The foreign key deletes their tokens.
    cursor.execute(f"DELETE FROM {USERS} WHERE NOT is_superuser")


def free_user_ids(cursor: Any, count: int) -> list[int]:
    """Return the lowest ids that operators leave free."""
    with as_loader(cursor):
        cursor.execute(f"SELECT id FROM {USERS}")
        taken = {row[0] for row in cursor.fetchall()}
    ids = (number for number in range(1, count + len(taken) + 1) if number not in taken)
    return [next(ids) for _ in range(count)]


def reference_ids(cursor: Any) -> tuple[list[int], list[int]]:
    """Return the ids of genres and of languages, English first."""
    cursor.execute("SELECT id FROM novels_genre ORDER BY slug")
    genres = [row[0] for row in cursor.fetchall()]
    cursor.execute("SELECT id FROM novels_language ORDER BY code <> 'en', code")
    return genres, [row[0] for row in cursor.fetchall()]


def advance_sequences(cursor: Any) -> None:
    """Advance the identity columns to the greatest id."""
    with as_loader(cursor):
        for table in (table for table, columns in COLUMNS.items() if columns.startswith("id ")):
            cursor.execute(
                f"SELECT setval(pg_get_serial_sequence('{table}', 'id'), max(id)) FROM {table}"
            )
