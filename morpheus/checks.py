"""System checks: contradictions in the configuration, each with a remedy."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from django.conf import settings
from django.core.checks import CheckMessage, Error, Tags, Warning, register
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
def check_serving_role(databases: Sequence[str] | None = None, **kwargs: Any) -> list[CheckMessage]:
    """Refuse a serving role that can bypass row level security (`check --database default`)."""
    return [
        Error(
            "The database role that serves requests can bypass row level security "
            f"(as {', '.join(names)}).",
            hint="Point DATABASE_URL at a role like morpheus_app: no superuser, no BYPASSRLS, "
            "member of none that is. `manage.py services roles` makes it.",
            id="morpheus.E001",
        )
        for alias in databases or []
        if (names := _read_column(alias, _BYPASSING))
    ]


@register(Tags.database)
def check_max_connections(
    databases: Sequence[str] | None = None, **kwargs: Any
) -> list[CheckMessage]:
    """Refuse more threads than `max_connections` allows beside the worker and one command."""
    errors: list[CheckMessage] = []
    if settings.MORPHEUS_PGBOUNCER:  # It has limits of its own.
        return errors
    processes, threads = settings.MORPHEUS_PROCESSES, settings.MORPHEUS_THREADS
    # The worker uses up to three: for its task, its heartbeat and its metrics.
    # Each server process listens on one of its own, and writes slow queries on another. So does
    # the events process, with its four threads.
    others = 3 + 2 * processes + 6
    for alias in databases or []:
        [allowed] = _read_column(alias, _CONNECTIONS)
        if processes * threads + others > allowed:
            errors.append(
                Error(
                    f"MORPHEUS_THREADS is {threads} in each of {processes} processes, each thread "
                    f"may hold a connection, and PostgreSQL allows {allowed}.",
                    hint=f"Set MORPHEUS_THREADS to {max(1, (allowed - others) // processes)} at "
                    "most, or raise max_connections of the server.",
                    id="morpheus.E003",
                )
            )
    return errors


@register(Tags.database)
def check_pooler(databases: Sequence[str] | None = None, **kwargs: Any) -> list[CheckMessage]:
    """Warn if there is a pooler that the settings deny, or none where they say so."""
    warnings: list[CheckMessage] = []
    for alias in databases or []:
        connection: Any = connections[alias]
        # Without a pool, a command has logged in as another role, not through a PgBouncer.
        if not connection.settings_dict["OPTIONS"].get("pool"):
            continue
        # A pooler's process has another id at the login.
        [backend_pid] = _read_column(alias, "SELECT pg_backend_pid()")
        has_pooler = backend_pid != connection.connection.info.backend_pid
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


def _read_column(alias: str, query: str) -> list[Any]:
    with connections[alias].cursor() as cursor:
        cursor.execute(query)
        return [value for (value,) in cursor.fetchall()]


@register(CONTRADICTIONS)
def check_proxies(**kwargs: Any) -> list[CheckMessage]:
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
def check_hsts(**kwargs: Any) -> list[CheckMessage]:
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
def check_cookies(**kwargs: Any) -> list[CheckMessage]:
    """Refuse cookies for other sites over plain HTTP: browsers drop them."""
    if settings.SESSION_COOKIE_SAMESITE != "None" or settings.SESSION_COOKIE_SECURE:
        return []
    return [
        Error(
            "MORPHEUS_COOKIE_SAMESITE=NONE needs MORPHEUS_HTTPS=on: browsers drop such a cookie "
            "over plain HTTP.",
            hint="Serve HTTPS, or leave MORPHEUS_COOKIE_SAMESITE out.",
            id="morpheus.E015",
        )
    ]


@register(CONTRADICTIONS)
def check_static_files(**kwargs: Any) -> list[CheckMessage]:
    """Refuse to serve static files from a folder that `collectstatic` has not filled."""
    root = getattr(settings, "STATIC_ROOT", None)
    if root is None or (root / "staticfiles.json").exists():
        return []
    return [
        Error(
            f"MORPHEUS_STATIC is {root}, where no static files are.",
            hint="Run `manage.py collectstatic --noinput`, or remove the setting.",
            id="morpheus.E009",
        )
    ]


@register(CONTRADICTIONS)
def check_database_roles(**kwargs: Any) -> list[CheckMessage]:
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


@register(CONTRADICTIONS)
def check_pgbouncer_options(**kwargs: Any) -> list[CheckMessage]:
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
