"""Back up the database, the uploads and the images to a folder."""

from __future__ import annotations

import contextlib
import os
import shutil
from argparse import ArgumentParser
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import psycopg
from django.core.management.base import BaseCommand, CommandError
from django.db import connection

from morpheus.db.roles import connected_as
from morpheus.management.client_programs import run_program
from morpheus.management.embedded import embedded_services
from morpheus.management.stored_files import copy_missing_files, find_folders, list_object_stores

DATABASE = "database"
# Numbers of transactions mean nothing in another database. What has them is about cached values,
# and none outlives a restore (docs/caching.md).
_TABLES_OF_TRANSACTIONS = """
SELECT DISTINCT c.relname FROM pg_class c JOIN pg_attribute a ON a.attrelid = c.oid
WHERE c.relnamespace = 'public'::regnamespace AND c.relkind = 'r' AND a.atttypid = 'xid8'::regtype
"""
# Of a backup that is not complete.
DRAFT = ".part"
JOBS = str(min(4, os.cpu_count() or 1))


class Command(BaseCommand):
    help = "Back up to FOLDER/<time>: the database, uploads and images. The servers may run."
    requires_system_checks: list[str] = []

    def add_arguments(self, parser: ArgumentParser) -> None:
        parser.add_argument("folder", nargs="?", type=Path, default=Path("backups"))

    def handle(self, *, folder: Path, **options: Any) -> None:
        services = embedded_services()
        with services if services.wanted else contextlib.nullcontext():
            target = self._back_up(folder.resolve())
        for line in list_object_stores():
            self.stdout.write(line)
        self.stdout.write(f"The backup is complete: {target}")

    def _back_up(self, folder: Path) -> Path:
        folder.mkdir(parents=True, exist_ok=True)
        newest = max(folder.glob(f"*Z/{DATABASE}"), default=None)
        target = folder / f"{datetime.now(UTC):%Y%m%dT%H%M%SZ}"
        draft = target.with_name(target.name + DRAFT)
        draft.mkdir(mode=0o700)  # Private novels, and digests of passwords.
        try:
            # Before and after: a file that the dump has a row of is in one of the copies, also if
            # it was stored or deleted meanwhile.
            self._copy_files(draft, newest.parent if newest else None)
            _dump(draft / DATABASE)
            self._copy_files(draft, None)
            os.sync()
            draft.rename(target)
        except BaseException:
            shutil.rmtree(draft, ignore_errors=True)
            raise
        return target

    def _copy_files(self, draft: Path, newest: Path | None) -> None:
        for name, source in find_folders().items():
            copied = copy_missing_files(source, draft / name, like=newest and newest / name)
            self.stdout.write(f"{name}: {copied} files from {source}")


def _dump(target: Path) -> None:
    """Dump as the role that row level security does not bind."""
    with connected_as("loader"):
        login = connection.get_connection_params()
        try:
            with psycopg.connect(**login) as server:
                version = server.info.server_version
                without_rows = [name for (name,) in server.execute(_TABLES_OF_TRANSACTIONS)]
        except psycopg.OperationalError as error:
            raise CommandError(f"The database is not reachable: {error}") from error
    run_program(
        "pg_dump",
        *("--format=directory", f"--jobs={JOBS}", f"--file={target}"),
        # Instead of waiting for a long migration.
        "--lock-wait-timeout=60s",
        *(f"--exclude-table-data={name}" for name in without_rows),
        server_version=version,
        login=login,
    )
