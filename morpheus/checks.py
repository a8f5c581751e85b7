"""System checks: contradictions in the configuration, each with a remedy."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from django.apps import AppConfig
from django.conf import settings
from django.core.checks import CheckMessage, Error, Tags, register
from django.db import connections

from morpheus.embedded.addresses import Addresses

# Checks of the settings alone; `manage.py run` runs them before it starts anything. The others need
# the database.
CONTRADICTIONS = "contradictions"

# Preload lists demand at least a year.
HSTS_PRELOAD_SECONDS = 365 * 24 * 3600

# A member of a role that bypasses row level security can take its rights by SET ROLE.
_BYPASSING = """
SELECT r.rolname FROM pg_roles r
WHERE (r.rolsuper OR r.rolbypassrls) AND pg_has_role(current_user, r.oid, 'MEMBER')
"""
_CONNECTIONS = """
SELECT current_setting('max_connections')::int
     - current_setting('superuser_reserved_connections')::int
"""


@register(Tags.database)
def check_serving_role(
    app_configs: Sequence[AppConfig] | None, databases: Sequence[str] | None = None, **kwargs: Any
) -> list[CheckMessage]:
    """Refuse a serving role that can bypass row level security (`check --database default`)."""
    errors: list[CheckMessage] = []
    for alias in databases or []:
        with connections[alias].cursor() as cursor:
            cursor.execute(_BYPASSING)
            names = [name for (name,) in cursor.fetchall()]
        if names:
            errors.append(
                Error(
                    f"The database role that serves requests can bypass row level security "
                    f"(as {', '.join(names)}).",
                    hint="Point DATABASE_URL at a role like morpheus_app: no superuser, no "
                    "BYPASSRLS, member of none that is. `manage.py services roles` makes it.",
                    id="morpheus.E001",
                )
            )
    return errors


@register(Tags.database)
def check_max_connections(
    app_configs: Sequence[AppConfig] | None, databases: Sequence[str] | None = None, **kwargs: Any
) -> list[CheckMessage]:
    """Refuse more threads than `max_connections` allows beside the worker and one command."""
    errors: list[CheckMessage] = []
    if settings.MORPHEUS_PGBOUNCER:  # It has limits of its own.
        return errors
    for alias in databases or []:
        with connections[alias].cursor() as cursor:
            cursor.execute(_CONNECTIONS)
            [allowed] = cursor.fetchone() or [0]
        # The worker uses up to three: for its task, its heartbeat and its metrics.
        # Each server process listens on a connection of its own, and writes slow queries on one.
        others = 3 + 2 * settings.MORPHEUS_PROCESSES
        if settings.MORPHEUS_PROCESSES * settings.MORPHEUS_THREADS + others > allowed:
            most = max(1, (allowed - others) // settings.MORPHEUS_PROCESSES)
            errors.append(
                Error(
                    f"MORPHEUS_THREADS is {settings.MORPHEUS_THREADS} in each of "
                    f"{settings.MORPHEUS_PROCESSES} processes, each thread may hold a "
                    f"connection, and PostgreSQL allows {allowed}.",
                    hint=f"Set MORPHEUS_THREADS to {most} at most, or raise "
                    "max_connections of the server.",
                    id="morpheus.E003",
                )
            )
    return errors


@register(CONTRADICTIONS)
def check_proxies(app_configs: Sequence[AppConfig] | None, **kwargs: Any) -> list[CheckMessage]:
    """Refuse settings that contradict each other about a proxy in front of the server."""
    errors: list[CheckMessage] = []
    behind_proxy = bool(settings.SECURE_PROXY_SSL_HEADER)
    if behind_proxy and not settings.MORPHEUS_TRUSTED_PROXIES:
        errors.append(
            Error(
                "MORPHEUS_BEHIND_PROXY is on and MORPHEUS_TRUSTED_PROXIES is 0: all clients would "
                "have the proxy's address and share one limit of logins.",
                hint="Set MORPHEUS_TRUSTED_PROXIES to the number of proxies, and have each of them "
                "append to X-Forwarded-For.",
                id="morpheus.E004",
            )
        )
    if (behind_proxy or settings.MORPHEUS_TRUSTED_PROXIES) and not settings.MORPHEUS_METRICS_TOKEN:
        errors.append(
            Error(
                "MORPHEUS_METRICS_TOKEN is empty behind a proxy: with one on this machine every "
                "request comes from the loopback address, which may read GET /metrics.",
                hint="Set MORPHEUS_METRICS_TOKEN to a long random value.",
                id="morpheus.E006",
            )
        )
    return errors


@register(CONTRADICTIONS)
def check_hsts(app_configs: Sequence[AppConfig] | None, **kwargs: Any) -> list[CheckMessage]:
    """Refuse HSTS preloading that the preload list would refuse."""
    is_complete = (
        settings.SECURE_HSTS_INCLUDE_SUBDOMAINS
        and settings.SECURE_HSTS_SECONDS >= HSTS_PRELOAD_SECONDS
    )
    if not settings.SECURE_HSTS_PRELOAD or is_complete or not settings.SECURE_SSL_REDIRECT:
        return []
    return [
        Error(
            "MORPHEUS_HSTS_PRELOAD is on, but preload lists take a host only with its subdomains "
            "and for at least a year.",
            hint="Set MORPHEUS_HSTS_SUBDOMAINS=on and "
            f"MORPHEUS_HSTS_SECONDS={HSTS_PRELOAD_SECONDS}, or MORPHEUS_HSTS_PRELOAD=off.",
            id="morpheus.E008",
        )
    ]


@register(CONTRADICTIONS)
def check_database_roles(
    app_configs: Sequence[AppConfig] | None, **kwargs: Any
) -> list[CheckMessage]:
    """Refuse to migrate or seed an external server while the embedded one serves requests."""
    embedded = str(Addresses.under(settings.MORPHEUS_VAR).socket_dir)
    roles = settings.MORPHEUS_DATABASE_ROLES
    elsewhere = [role for role, login in roles.items() if login["HOST"] != embedded]
    if settings.DATABASES["default"]["HOST"] != embedded or not elsewhere:
        return []
    names = " and ".join(f"DATABASE_{role.upper()}_URL" for role in elsewhere)
    return [
        Error(
            f"{names} is set and DATABASE_URL is not: the embedded server would serve requests.",
            hint="Set DATABASE_URL as well, or none of them.",
            id="morpheus.E007",
        )
    ]
