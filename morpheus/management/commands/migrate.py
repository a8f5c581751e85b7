"""Django's `migrate` as the role that owns the tables."""

from __future__ import annotations

from pathlib import Path
from typing import Any

from django.apps import AppConfig, apps
from django.conf import settings
from django.core.management.base import CommandError
from django.core.management.commands import migrate
from django.db import ProgrammingError, connection
from django.db.migrations.exceptions import MigrationSchemaMissing
from django.db.migrations.loader import MigrationLoader
from psycopg.errors import InsufficientPrivilege

from morpheus.db.roles import connected_as
from morpheus.management.embedded import embedded_services
from morpheus.management.preparation_lock import preparation_lock


class Command(migrate.Command):
    """Run as `morpheus_owner`, in one process at a time; the serving role changes no schema."""

    def handle(self, *args: Any, **options: Any) -> None:
        with preparation_lock(self.stderr.write), connected_as("owner"):
            refuse_other_versions_schema()
            try:
                super().handle(*args, **options)
            except (ProgrammingError, MigrationSchemaMissing) as error:
                if not _is_refusal(error):
                    raise
                raise CommandError(
                    f"The role {connection.settings_dict['USER']} may not change the schema: "
                    f"{str(error).splitlines()[0]}. DATABASE_OWNER_URL names the one that may; "
                    "`manage.py services roles` makes it."
                ) from error


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
            f"{'.'.join(unknown[0])}), and there is no upgrade: {_way_to_an_empty_database()}"
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


def _is_refusal(error: BaseException | None) -> bool:
    """Tell whether the error, or one that caused it, is PostgreSQL's "permission denied"."""
    while error is not None:
        if isinstance(error, InsufficientPrivilege):
            return True
        error = error.__cause__ or error.__context__
    return False
