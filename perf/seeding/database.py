"""The tables that seeding fills, and the statements around their COPYs."""

# ruff: noqa: S608 - the names in the statements are constants of this module

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

from django.apps import apps
from django.contrib.admin.models import LogEntry
from django_tasks_db.models import DBTaskResult

from morpheus.db.transactions import write_transaction
from morpheus.embedded.roles import LOADER
from novels.models import Genre, Language, PublicCount, SearchDocument
from users.models import User

USERS = User._meta.db_table
# Filled by a migration; seeding only refers to them.
REFERENCES = [model._meta.db_table for model in (Genre, Language)]
# Emptied by --reset. Users are not: operators stay.
DOMAIN = [
    model._meta.db_table
    for label in ("novels", "comics", "reading")
    for model in apps.get_app_config(label).get_models()
    if model._meta.db_table not in REFERENCES
]
COUNTS = PublicCount._meta.db_table
# A job that waits for a novel would find another novel under its id.
JOBS = DBTaskResult._meta.db_table

COLUMNS = {
    USERS: "id password is_superuser email display_name bio is_staff is_active date_joined",
    "comics_image": "id digest media_type width height size_bytes",
    "novels_novel": "id title author synopsis genre_id language_id is_public word_count "
    "chapter_count owner_id created_at updated_at",
    "novels_processingstatus": "novel_id state stage progress message updated_at owner_id "
    "is_public",
    "novels_chapter": "id novel_id number title word_count owner_id is_public",
    "novels_chaptertext": "chapter_id content owner_id is_public",
    "comics_comic": "id title novel_id owner_id is_public panel_count image_bytes "
    "cover_id created_at updated_at",
    "comics_panel": "id comic_id number caption image_id owner_id is_public",
    "reading_progress": "id user_id novel_id comic_id number position is_finished read_at",
}
SEARCH = SearchDocument._meta.db_table
SEEDED = [*COLUMNS, SEARCH]

# Longer than any request of a running server holds its locks.
LOCK_TIMEOUT_MS = 15_000

_FOREIGN_KEYS = """
SELECT
    format('ALTER TABLE %%s DROP CONSTRAINT %%I', conrelid::regclass, conname),
    format('ALTER TABLE %%s ADD CONSTRAINT %%I %%s',
        conrelid::regclass, conname, pg_get_constraintdef(oid))
FROM pg_constraint
WHERE contype = 'f' AND conrelid = ANY (%s::text[]::regclass[])
ORDER BY conrelid::regclass::text, conname
"""
# Unique indexes stay: they check the rows, and rows come in their order.
_INDEXES = """
SELECT
    format('DROP INDEX %%s', indexrelid::regclass),
    pg_get_indexdef(indexrelid)
FROM pg_index
WHERE NOT indisunique AND indrelid = ANY (%s::text[]::regclass[])
ORDER BY indrelid::regclass::text, indexrelid::regclass::text
"""
# Triggers with transition tables: PostgreSQL would keep a copy of each inserted row in a file
# until the end of the statement, even for a disabled trigger. Seeding invalidates all tags once.
_TRIGGERS = """
SELECT format('DROP TRIGGER %%I ON %%s', tgname, tgrelid::regclass), pg_get_triggerdef(oid)
FROM pg_trigger
WHERE tgnewtable IS NOT NULL AND tgoldtable IS NULL AND tgrelid = ANY (%s::text[]::regclass[])
ORDER BY tgrelid::regclass::text, tgname
"""
_FORCED = """
SELECT oid::regclass::text
FROM pg_class
WHERE relforcerowsecurity AND oid = ANY (%s::text[]::regclass[])
ORDER BY 1
"""


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
    # Numbers of no novel stay: their sums are 0.
    checks = [f"EXISTS (SELECT FROM {table})" for table in DOMAIN if table != COUNTS]
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


def drop_structure(cursor: Any) -> list[str]:
    """Drop structure that is cheaper to build after the rows; return statements that restore it.

    They are PostgreSQL's own definitions, in order. After an interruption, the rollback restores
    everything.
    """
    restore: list[str] = []
    for query in (_INDEXES, _FOREIGN_KEYS, _TRIGGERS):
        cursor.execute(query, [DOMAIN])
        for statement, definition in cursor.fetchall():
            cursor.execute(statement)
            restore.append(definition)
    return restore


@contextmanager
def row_security_not_forced(cursor: Any) -> Iterator[None]:
    """Let the owner see all rows in the block.

    A query of the owner checks a new foreign key; it would miss private rows that are hidden from
    it. The tables are locked meanwhile, so no other session sees them.
    """
    cursor.execute(_FORCED, [DOMAIN])
    tables = [row[0] for row in cursor.fetchall()]
    for table in tables:
        cursor.execute(f"ALTER TABLE {table} NO FORCE ROW LEVEL SECURITY")
    yield
    for table in tables:
        cursor.execute(f"ALTER TABLE {table} FORCE ROW LEVEL SECURITY")
