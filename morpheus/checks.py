"""System checks: contradictions that stop the start, each with what to do."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from django.apps import AppConfig
from django.conf import settings
from django.core.checks import CheckMessage, Error, Tags, register
from django.db import connections

# A member of a role that bypasses row level security can become it by SET ROLE.
_BYPASSING = """
SELECT r.rolname FROM pg_roles r
WHERE (r.rolsuper OR r.rolbypassrls) AND pg_has_role(current_user, r.oid, 'MEMBER')
"""


@register(Tags.database)
def serving_role_is_bound_by_rls(
    app_configs: Sequence[AppConfig] | None, databases: Sequence[str] | None = None, **kwargs: Any
) -> list[CheckMessage]:
    """Refuse a serving role that row level security does not bind (`check --database default`)."""
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


@register()
def pool_and_persistent_connections(
    app_configs: Sequence[AppConfig] | None, **kwargs: Any
) -> list[CheckMessage]:
    """Refuse what a connection pool cannot be combined with."""
    database = settings.DATABASES["default"]
    options = database.get("OPTIONS", {})
    errors: list[CheckMessage] = []
    if options.get("pool") and database.get("CONN_MAX_AGE"):
        errors.append(Error("CONN_MAX_AGE must be 0 while the pool is on.", id="morpheus.E002"))
    if database["ENGINE"] != "django.db.backends.postgresql":
        errors.append(
            Error(
                "Morpheus runs on PostgreSQL only.",
                hint="DATABASE_URL must start with postgresql://",
                id="morpheus.E003",
            )
        )
    return errors
