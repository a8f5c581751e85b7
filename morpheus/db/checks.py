"""System checks: `MORPHEUS_PGBOUNCER` agrees with the other settings and with the connection."""

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
def check_pgbouncer_settings(
    app_configs: Sequence[AppConfig] | None, **kwargs: Any
) -> list[CheckMessage]:
    """Refuse a PgBouncer in front of the embedded server, and options that it does not pass on."""
    if not settings.MORPHEUS_PGBOUNCER:
        return []
    errors: list[CheckMessage] = []
    embedded = Addresses.under(settings.MORPHEUS_VAR)
    default = settings.DATABASES["default"]
    address = (str(embedded.socket_dir), str(embedded.postgres_port))
    if (default["HOST"], default["PORT"]) == address:
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
def check_pooler(
    app_configs: Sequence[AppConfig] | None, databases: Sequence[str] | None = None, **kwargs: Any
) -> list[CheckMessage]:
    """Warn if there is a pooler that the settings deny, or none where they say so."""
    warnings: list[CheckMessage] = []
    for alias in databases or []:
        connection = connections[alias]
        # Without a pool, a command has logged in as another role, not through a PgBouncer.
        if not connection.settings_dict["OPTIONS"].get("pool"):
            continue
        has_pooler = _has_pooler(connection)
        if has_pooler and not settings.MORPHEUS_PGBOUNCER:
            text = f"There is a pooler in front of the database {alias!r}, and MORPHEUS_PGBOUNCER "
            hint = "Set MORPHEUS_PGBOUNCER=on, unless the pooler keeps whole sessions."
            warnings.append(Warning(f"{text}is off.", hint=hint, id="morpheus.W010"))
        elif settings.MORPHEUS_PGBOUNCER and not has_pooler:
            text = (
                f"MORPHEUS_PGBOUNCER is on, and there is no pooler in front of the database "
                f"{alias!r}: its statements are neither prepared nor limited in time."
            )
            hint = "Set MORPHEUS_PGBOUNCER=off, or point the URL at the PgBouncer."
            warnings.append(Warning(text, hint=hint, id="morpheus.W010"))
    return warnings


def _has_pooler(connection: Any) -> bool:
    """Return whether the process id from the login differs from that of the server's process."""
    with connection.cursor() as cursor:
        cursor.execute("SELECT pg_backend_pid()")
        [backend_pid] = cursor.fetchone()
        return bool(backend_pid != connection.connection.info.backend_pid)
