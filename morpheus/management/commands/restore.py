"""Restore a backup: into a new database, which then takes the place of the current one."""

from __future__ import annotations

import contextlib
import time
from argparse import ArgumentParser
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import psycopg
from django.conf import settings
from django.core.management.base import BaseCommand, CommandError
from django.db import connection
from psycopg import sql
from psycopg.conninfo import conninfo_to_dict

from morpheus.cache.outbox import BLIND_S, POLL_S
from morpheus.embedded.paths import ServiceError
from morpheus.embedded.roles import (
    RolesUnavailable,
    create_database,
    ensure_roles,
    prepare_database,
    replace_database,
)
from morpheus.management.client_programs import run_program
from morpheus.management.commands.backup import DATABASE, DRAFT, JOBS
from morpheus.management.commands.services import find_admin_url, read_passwords
from morpheus.management.embedded import embedded_services
from morpheus.management.stored_files import copy_missing_files, find_folders, list_object_stores

_HAS_TABLES = """
SELECT EXISTS (
    SELECT FROM pg_class WHERE relnamespace = 'public'::regnamespace AND relkind = 'r'
)
"""
_SESSIONS = "FROM pg_stat_activity WHERE datname = %s AND backend_type = 'client backend'"
# With a timeout, it waits for the end.
_END_SESSIONS = f"SELECT pg_terminate_backend(pid, 5000) {_SESSIONS}"


class Command(BaseCommand):
    help = "Restore a backup of `manage.py backup`. A database in use needs --replace."
    requires_system_checks: list[str] = []

    def add_arguments(self, parser: ArgumentParser) -> None:
        parser.add_argument("backup", type=Path, help="folder of one backup")
        parser.add_argument(
            "--replace",
            action="store_true",
            help="replace a database that has tables, and end its sessions; it is kept, renamed",
        )

    def handle(self, *, backup: Path, replace: bool, **options: Any) -> None:
        if backup.suffix == DRAFT or not (backup / DATABASE / "toc.dat").exists():
            raise CommandError(f"{backup} is not a complete backup of `manage.py backup`.")
        services = embedded_services()
        try:
            with services if services.wanted else contextlib.nullcontext():
                self._restore(backup, find_admin_url(), replace=replace)
        except (RolesUnavailable, ServiceError) as error:
            raise CommandError(str(error)) from error
        except psycopg.Error as error:
            raise CommandError(f"The server refused: {error}") from error

    def _restore(self, backup: Path, admin_url: str, *, replace: bool) -> None:
        name = connection.settings_dict["NAME"]
        draft = f"{name}_restoring"
        ensure_roles(admin_url, name, read_passwords())
        with psycopg.connect(replace_database(admin_url, "postgres"), autocommit=True) as admin:
            sessions = admin.execute(f"SELECT {_SESSIONS}", [name]).rowcount
            has_tables = _has_tables(admin_url, name)
            if not replace:
                _refuse_if_in_use(name, has_tables, sessions)
            if sessions and "replica" in settings.DATABASES:
                raise CommandError(
                    "Stop the servers and workers first: their sessions on the replica "
                    "(DATABASE_REPLICA_URL) would stay in the database of before."
                )
            # What an interrupted restore left. A running one has sessions, and this fails.
            _execute(admin, "DROP DATABASE IF EXISTS {}", draft)
            _fill_database(backup / DATABASE, admin_url, draft)
            for alias, folder in find_folders().items():
                copied = copy_missing_files(backup / alias, folder)
                self.stdout.write(f"{alias}: {copied} files were missing in {folder}")
            kept = f"{name}_replaced_{datetime.now(UTC):%Y%m%d_%H%M%S}" if has_tables else None
            _swap(admin, name, draft, kept)
        for line in list_object_stores():
            self.stdout.write(line)
        self.stdout.write(f"Database {name} is restored from {backup}.")
        if kept:
            self.stdout.write(f'The one before is {kept}. To delete it: DROP DATABASE "{kept}"')
        self.stdout.write("Run `manage.py migrate`: the backup may be of an older release.")


def _has_tables(admin_url: str, name: str) -> bool:
    with psycopg.connect(replace_database(admin_url, name)) as database:
        return database.execute(_HAS_TABLES).fetchone() == (True,)


def _refuse_if_in_use(name: str, has_tables: bool, sessions: int) -> None:
    uses = ["it has tables"] * has_tables + [f"{sessions} sessions use it"] * bool(sessions)
    if uses:
        raise CommandError(
            f"Database {name} is in use: {' and '.join(uses)}. Stop the servers and workers, then "
            "repeat the command with --replace. The database of now is kept under another name."
        )


def _fill_database(dump: Path, admin_url: str, name: str) -> None:
    """Create the database of the dump, with the rights of the roles, and statistics."""
    create_database(admin_url, name)
    login = conninfo_to_dict(replace_database(admin_url, name))
    with psycopg.connect(**login, autocommit=True) as database:  # type: ignore[arg-type]
        run_program(
            "pg_restore",
            *("--exit-on-error", f"--jobs={JOBS}", str(dump)),
            server_version=database.info.server_version,
            login=login,
        )
        prepare_database(admin_url, name)
        # Before the first request: without statistics and visibility map its plans are slow.
        database.execute("VACUUM (ANALYZE)")


def _swap(admin: psycopg.Connection, name: str, draft: str, kept: str | None) -> None:
    """Rename the draft to `name`, and the database of before to `kept`, or drop it.

    Nothing connects to either meanwhile. Servers that run stop trusting their cache before the
    draft is there: it may have values from a time that the draft never had.
    """
    _execute(admin, "ALTER DATABASE {} WITH ALLOW_CONNECTIONS false", name)
    try:
        if admin.execute(_END_SESSIONS, [name]).rowcount:
            time.sleep(BLIND_S + 2 * POLL_S)
        if kept:
            _execute(admin, "ALTER DATABASE {} RENAME TO {}", name, kept)
        else:
            _execute(admin, "DROP DATABASE {}", name)
        _execute(admin, "ALTER DATABASE {} RENAME TO {}", draft, name)
    finally:
        if _exists(admin, before := kept or name):
            _execute(admin, "ALTER DATABASE {} WITH ALLOW_CONNECTIONS true", before)


def _exists(admin: psycopg.Connection, name: str) -> bool:
    return admin.execute("SELECT FROM pg_database WHERE datname = %s", [name]).rowcount > 0


def _execute(admin: psycopg.Connection, statement: str, *names: str) -> None:
    admin.execute(sql.SQL(statement).format(*map(sql.Identifier, names)))
