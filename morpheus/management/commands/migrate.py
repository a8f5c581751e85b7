"""`migrate` as Django has it, but as the role that owns the tables."""

from __future__ import annotations

from typing import Any

from django.core.management.base import CommandError
from django.core.management.commands import migrate
from django.db import ProgrammingError, connection
from django.db.migrations.exceptions import MigrationSchemaMissing
from psycopg.errors import InsufficientPrivilege

from morpheus.db.roles import connected_as
from morpheus.management.preparing import prepares_alone


class Command(migrate.Command):
    """Run as `morpheus_owner`, in one process at a time; the serving role may change no schema."""

    def handle(self, *args: Any, **options: Any) -> None:
        with prepares_alone(self.stderr.write), connected_as("owner"):
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


def _is_refusal(error: BaseException | None) -> bool:
    """Tell whether the error, or one that caused it, is PostgreSQL's "permission denied"."""
    while error is not None:
        if isinstance(error, InsufficientPrivilege):
            return True
        error = error.__cause__ or error.__context__
    return False
