"""System checks: `MORPHEUS_PGBOUNCER` and what it is used with agree."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from django.apps import AppConfig
from django.conf import settings
from django.core.checks import CheckMessage, Error, Tags, Warning, register
from django.db import connections

from morpheus.checks import CONTRADICTIONS
from morpheus.embedded.addresses import Addresses


@register(CONTRADICTIONS)
def pgbouncer_is_somewhere(
    app_configs: Sequence[AppConfig] | None, **kwargs: Any
) -> list[CheckMessage]:
    """Refuse a PgBouncer that nobody could have put there, and what it would not pass on."""
    if not settings.MORPHEUS_PGBOUNCER:
        return []
    errors: list[CheckMessage] = []
    embedded = Addresses.under(settings.MORPHEUS_VAR)
    default = settings.DATABASES["default"]
    place = (str(embedded.socket_dir), str(embedded.postgres_port))
    if (default["HOST"], default["PORT"]) == place:
        errors.append(
            Error(
                "MORPHEUS_PGBOUNCER is on and DATABASE_URL is not set: there is no PgBouncer in "
                "front of the embedded server.",
                hint="Set DATABASE_URL to the PgBouncer, or MORPHEUS_PGBOUNCER=off.",
                id="morpheus.E013",
            )
        )
    if any("options" in database["OPTIONS"] for database in settings.DATABASES.values()):
        errors.append(
            Error(
                "MORPHEUS_PGBOUNCER is on and a database's URL has `options`, which PgBouncer "
                "does not pass on.",
                hint="Write them into its `connect_query` (docs/pool.md), or give them to the "
                "role by ALTER ROLE … SET.",
                id="morpheus.E014",
            )
        )
    return errors


@register(Tags.database)
def pgbouncer_is_told_of(
    app_configs: Sequence[AppConfig] | None, databases: Sequence[str] | None = None, **kwargs: Any
) -> list[CheckMessage]:
    """Warn when what is between us and PostgreSQL is not what the settings say."""
    warnings: list[CheckMessage] = []
    for alias in databases or []:
        connection = connections[alias]
        # Without a pool it is a command that logs in as another role, past any PgBouncer.
        if connection.settings_dict["OPTIONS"].get("pool"):
            warnings += _between(alias, is_pooler=_is_pooler(connection))
    return warnings


def _is_pooler(connection: Any) -> bool:
    """Tell whether the process that we were told of when connecting is not the one that answers."""
    with connection.cursor() as cursor:
        cursor.execute("SELECT pg_backend_pid()")
        [answering] = cursor.fetchone()
        return bool(answering != connection.connection.info.backend_pid)


def _between(alias: str, *, is_pooler: bool) -> list[CheckMessage]:
    if is_pooler == settings.MORPHEUS_PGBOUNCER:
        return []
    if is_pooler:
        return [
            Warning(
                f"There is a pooler between Morpheus and the database {alias!r}, and "
                "MORPHEUS_PGBOUNCER is off.",
                hint="Set MORPHEUS_PGBOUNCER=on, unless the pooler keeps whole sessions.",
                id="morpheus.W010",
            )
        ]
    return [
        Warning(
            f"MORPHEUS_PGBOUNCER is on, and there is no pooler between Morpheus and the database "
            f"{alias!r}: its statements are neither prepared nor limited in time.",
            hint="Set MORPHEUS_PGBOUNCER=off, or point the URL at the PgBouncer.",
            id="morpheus.W010",
        )
    ]
