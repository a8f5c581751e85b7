"""Probes: is the process alive, and may it get traffic."""

from __future__ import annotations

import logging

from django.core.cache import cache
from django.db import DatabaseError, connection
from django.http import HttpRequest, JsonResponse
from django.views.decorators.http import require_safe

from morpheus.django_internals.django import has_unapplied_migrations

logger = logging.getLogger(__name__)

# Once they are applied they stay so for the life of this process' code.
_migrated = False


@require_safe
def healthz(request: HttpRequest) -> JsonResponse:
    """GET /healthz — the process answers. Budget: 0 queries."""
    return JsonResponse({"status": "ok"})


@require_safe
def readyz(request: HttpRequest) -> JsonResponse:
    """GET /readyz — 200 when requests can be served, if slowly; 503 when not.

    Without the cache every page still answers, so its loss is `degraded`, not down.
    """
    database, migrations = _database()
    checks = {"database": database, "migrations": migrations, "cache": _cache()}
    if database != "ok" or migrations != "ok":
        return JsonResponse(
            {"status": "unavailable", "checks": checks}, status=503, headers={"Retry-After": "2"}
        )
    return JsonResponse(
        {"status": "ok" if checks["cache"] == "ok" else "degraded", "checks": checks}
    )


def _database() -> tuple[str, str]:
    global _migrated
    try:
        with connection.cursor() as cursor:
            cursor.execute("SELECT 1")
        if not _migrated:
            _migrated = not has_unapplied_migrations(connection)
    except DatabaseError as error:
        logger.error("Not ready: database out of reach or busy: %s", error)
        return "out of reach", "unknown"
    if not _migrated:
        logger.error("Not ready: there are migrations to apply: `manage.py migrate`.")
    return "ok", "ok" if _migrated else "not applied"


def _cache() -> str:
    # Asked back: a swallowed error (IGNORE_EXCEPTIONS) is answered like a missing key.
    cache.set("readyz", 1, timeout=5)
    if cache.get("readyz") == 1:
        return "ok"
    logger.warning("Degraded: the cache server does not answer.")
    return "out of reach"
