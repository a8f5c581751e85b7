"""Probes: whether the process is alive, and whether it is ready for requests."""

from __future__ import annotations

import logging

from django.db import DatabaseError, connection
from django.http import HttpRequest, JsonResponse
from django.views.decorators.http import require_safe

from morpheus.cache.redis_client import RedisUnavailable
from morpheus.cache.store import cache_store
from morpheus.django_internals.django import has_unapplied_migrations

logger = logging.getLogger(__name__)

# In the environment of a request to a server that was told to stop.
STOPPING = "morpheus.stopping"

# Once all migrations are applied, they stay applied while this process runs.
_migrated = False


@require_safe
def healthz(request: HttpRequest) -> JsonResponse:
    """GET /healthz: the process responds."""
    return JsonResponse({"status": "ok"})


@require_safe
def readyz(request: HttpRequest) -> JsonResponse:
    """GET /readyz: 200 when requests can be served, 503 when not, or soon no more.

    Without the cache every page still works, so its loss is `degraded` with 200.
    """
    if request.META.get(STOPPING):
        return JsonResponse({"status": "stopping", "checks": {}}, status=503)
    database, migrations = _check_database()
    checks = {"database": database, "migrations": migrations, "cache": _check_cache()}
    if database != "ok" or migrations != "ok":
        return JsonResponse(
            {"status": "unavailable", "checks": checks}, status=503, headers={"Retry-After": "2"}
        )
    return JsonResponse(
        {"status": "ok" if checks["cache"] == "ok" else "degraded", "checks": checks}
    )


def _check_database() -> tuple[str, str]:
    global _migrated
    try:
        with connection.cursor() as cursor:
            cursor.execute("SELECT 1")
        if not _migrated:
            _migrated = not has_unapplied_migrations(connection)
    except DatabaseError as error:
        logger.error("Not ready: the database is unreachable or busy: %s", error)
        return "unreachable", "unknown"
    if not _migrated:
        logger.error("Not ready: migrations are not applied. Run `manage.py migrate`.")
    return "ok", "ok" if _migrated else "not applied"


def _check_cache() -> str:
    try:
        # A write, which a full or read-only server refuses.
        cache_store().client.run(lambda prefix: [("SET", f"{prefix}readyz", 1, "EX", 5)])
    except RedisUnavailable:
        logger.warning("Degraded: the cache server does not respond.")
        return "unreachable"
    return "ok"
