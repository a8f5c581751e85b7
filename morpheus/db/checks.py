"""System checks: `MORPHEUS_PGBOUNCER` agrees with the other settings and with the connection."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from django.apps import AppConfig
from django.conf import settings
from django.core.checks import CheckMessage, Error, Tags, Warning, register
from django.db import connections

from morpheus.checks import CONTRADICTIONS


@register(CONTRADICTIONS)
def check_pgbouncer_options(
    app_configs: Sequence[AppConfig] | None, **kwargs: Any
) -> list[CheckMessage]:
    """Refuse options of a connection, which a PgBouncer does not pass on."""
    databases = settings.DATABASES.values()
    if not settings.MORPHEUS_PGBOUNCER or not any("options" in db["OPTIONS"] for db in databases):
        return []
    return [
        Error(
            "MORPHEUS_PGBOUNCER is on and a database's URL has `options`, which PgBouncer does not "
            "pass on.",
            hint="Write them into its `connect_query` (docs/pool.md), or give them to the role by "
            "ALTER ROLE … SET.",
            id="morpheus.E014",
        )
    ]


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
        if has_pooler == settings.MORPHEUS_PGBOUNCER:
            continue
        if has_pooler:
            text = "is off, and there is a pooler in front of the database"
            hint = "Set MORPHEUS_PGBOUNCER=on, unless the pooler keeps whole sessions."
        else:
            # Its statements are neither prepared nor limited in time.
            text = "is on, and there is no pooler in front of the database"
            hint = "Set MORPHEUS_PGBOUNCER=off, or point the URL at the PgBouncer."
        warnings.append(
            Warning(f"MORPHEUS_PGBOUNCER {text} {alias!r}.", hint=hint, id="morpheus.W010")
        )
    return warnings


def _has_pooler(connection: Any) -> bool:
    """Return whether the process id from the login differs from that of the server's process."""
    with connection.cursor() as cursor:
        cursor.execute("SELECT pg_backend_pid()")
        [backend_pid] = cursor.fetchone()
        return bool(backend_pid != connection.connection.info.backend_pid)
