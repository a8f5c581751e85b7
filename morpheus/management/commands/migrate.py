"""Django's `migrate` as the role that owns the tables."""

from __future__ import annotations

import time
from pathlib import Path
from typing import Any

from django.apps import AppConfig, apps
from django.conf import settings
from django.core.management.base import CommandError
from django.core.management.commands import migrate
from django.db import OperationalError, ProgrammingError, connection
from django.db.migrations.exceptions import MigrationSchemaMissing
from django.db.migrations.loader import MigrationLoader
from psycopg.errors import (
    DeadlockDetected,
    InsufficientPrivilege,
    LockNotAvailable,
    QueryCanceled,
)

from morpheus.db.roles import connected_as
from morpheus.management.embedded import embedded_services
from morpheus.management.preparation_lock import preparation_lock

# Milliseconds that a statement of a migration waits for a lock. All later statements on the table
# wait behind it, and a server's give up after 3 s (MORPHEUS_SERVING_LIMITS_MS).
LOCK_TIMEOUT_MS = 1000
# Milliseconds that a statement may take, because a transaction keeps its locks to the end.
STATEMENT_TIMEOUT_MS = 10_000
# Between the attempts to get a lock: about a minute.
PAUSES_S = (1, 2, 4, 8, 15, 15, 15)

_SET_LIMITS = """
SELECT set_config('lock_timeout', %s, false), set_config('statement_timeout', %s, false)
"""
# But for those that another session builds at the moment.
_INVALID_INDEXES = """
SELECT i.indexrelid::regclass::text FROM pg_index i JOIN pg_class c ON c.oid = i.indexrelid
WHERE NOT i.indisvalid AND c.relnamespace = 'public'::regnamespace AND NOT EXISTS (
    SELECT FROM pg_stat_progress_create_index p WHERE p.index_relid = i.indexrelid)
"""
# PostgreSQL tells the owner the start only of its own transactions, and the locks of all.
_LOCK_HOLDERS = """
SELECT DISTINCT ON (a.xact_start, l.pid)
    format('%s (%s%s) holds %s on %s', l.pid, a.usename,
           nullif(', ' || a.application_name, ', '), l.mode, l.relation::regclass)
FROM pg_locks l JOIN pg_stat_activity a USING (pid) JOIN pg_class c ON c.oid = l.relation
WHERE l.granted AND l.pid <> pg_backend_pid() AND a.datname = current_database()
AND c.relnamespace = 'public'::regnamespace AND c.relkind = 'r'
ORDER BY a.xact_start, l.pid LIMIT 5
"""


class Command(migrate.Command):
    """Run as `morpheus_owner`, in one process at a time; the serving role changes no schema.

    A migration in a transaction waits for locks a second at a time, and is tried again. One without
    a transaction has no limits: the linter lets it run nothing that others wait for
    (tests/migration_lint.py).
    """

    def handle(self, *args: Any, **options: Any) -> None:
        with preparation_lock(self.stderr.write), connected_as("owner"):
            refuse_other_versions_schema()
            try:
                self._try_until_locked(*args, **options)
            except (ProgrammingError, MigrationSchemaMissing) as error:
                if not _is_caused_by(error, InsufficientPrivilege):
                    raise
                raise CommandError(
                    f"The role {connection.settings_dict['USER']} may not change the schema: "
                    f"{str(error).splitlines()[0]}. DATABASE_OWNER_URL names the one that may; "
                    "`manage.py services roles` makes it."
                ) from error

    def _try_until_locked(self, *args: Any, **options: Any) -> None:
        for pause_s in (*PAUSES_S, None):
            try:
                super().handle(*args, **options)
                return
            except OperationalError as error:
                if _is_caused_by(error, QueryCanceled):
                    raise CommandError(
                        f"{self._running} was ended: {error}. A statement in a transaction may "
                        f"take {STATEMENT_TIMEOUT_MS // 1000} s, because servers wait for it "
                        "(docs/upgrading.md); the transaction was rolled back."
                    ) from error
                if not _is_caused_by(error, LockNotAvailable, DeadlockDetected):
                    raise
                holders = "; ".join(_read_column(_LOCK_HOLDERS)) or "none any more"
                message = f"{self._running} waits for a lock. Sessions with locks: {holders}."
                if pause_s is None:
                    raise CommandError(
                        f"{message} Nothing of the migration was applied. End what holds the lock "
                        "(`SELECT pg_terminate_backend(pid)`), and migrate again."
                    ) from error
                self.stderr.write(f"{message} Trying again in {pause_s} s.")
                time.sleep(pause_s)

    def migration_progress_callback(
        self, action: str, migration: Any = None, fake: bool = False
    ) -> None:
        super().migration_progress_callback(action, migration, fake)
        if action not in ("apply_start", "unapply_start") or fake:
            return
        self._running = migration
        _set_limits(LOCK_TIMEOUT_MS, STATEMENT_TIMEOUT_MS)
        if not migration.atomic:
            self._drop_invalid_indexes()
            _set_limits(0, 0)

    def _drop_invalid_indexes(self) -> None:
        for name in _read_column(_INVALID_INDEXES):
            with connection.cursor() as cursor:
                cursor.execute(f"DROP INDEX CONCURRENTLY {name}")
            self.stdout.write(f" Dropped {name}, which was built in part.", ending="")


def _set_limits(lock_ms: int, statement_ms: int) -> None:
    with connection.cursor() as cursor:
        cursor.execute(_SET_LIMITS, [str(lock_ms), str(statement_ms)])


def _read_column(query: str) -> list[str]:
    with connection.cursor() as cursor:
        cursor.execute(query)
        return [value for (value,) in cursor.fetchall()]


def refuse_other_versions_schema() -> None:
    """Refuse a database that has a migration of Morpheus that this version does not have.

    Django ignores such a migration, and then creates tables that exist.

    Raises:
        CommandError: The message says how to start with an empty database.
    """
    ours = {config.label for config in apps.get_app_configs() if _is_in_project(config)}
    loader = MigrationLoader(connection)
    unknown = sorted(
        (app, name)
        for app, name in loader.applied_migrations
        if app in ours and (app, name) not in loader.disk_migrations
    )
    if unknown:
        raise CommandError(
            f"Another version of Morpheus made this database (it has the migration "
            f"{'.'.join(unknown[0])}): if that is the next release, serve without migrating "
            f"(docs/upgrading.md), else there is no upgrade: {_way_to_an_empty_database()}"
        )


def _is_in_project(app: AppConfig) -> bool:
    path = Path(app.path)
    return path.is_relative_to(settings.BASE_DIR) and "site-packages" not in path.parts


def _way_to_an_empty_database() -> str:
    if "postgres" in embedded_services().wanted:
        folder = settings.MORPHEUS_VAR
        if folder.is_relative_to(Path.cwd()):
            folder = folder.relative_to(Path.cwd())
        return f"stop Morpheus, move its data away (`mv {folder} {folder}.old`), and try again."
    return "give DATABASE_URL the name of an empty database, and try again."


def _is_caused_by(error: BaseException | None, *kinds: type[Exception]) -> bool:
    """Tell whether the error, or one that caused it, is of one of the kinds."""
    while error is not None:
        if isinstance(error, kinds):
            return True
        error = error.__cause__ or error.__context__
    return False
