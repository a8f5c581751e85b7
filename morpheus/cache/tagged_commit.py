"""Commits that tell the cache: dirty before, new versions after, then the answer."""

from __future__ import annotations

import secrets
from collections.abc import Callable
from typing import Any

from django.conf import settings

from morpheus.cache import metrics
from morpheus.cache.outbox import defer
from morpheus.cache.redis_client import RedisUnavailable
from morpheus.cache.store import cache_store

_TOUCHED = "SELECT current_setting('app.touches', true)"


def commit_and_invalidate(connection: Any, commit: Callable[[], None]) -> None:
    """Commit a transaction of ours, and make worthless what it changed.

    When this returns, no reader gets what was valid before; docs/caching.md says what holds when
    the process dies within, or the cache server is out of reach.

    Args:
        connection: Of Django, whose transaction collected what it touched (`write_transaction`).
        commit: Commits.
    """
    tags = _touched(connection)
    if not tags:
        commit()
        return
    token = secrets.token_hex(6)
    try:
        if not settings.MORPHEUS_CACHE:
            raise RedisUnavailable("Switched off here; other processes may not know.")
        cache_store().set_write_intents(tags, token)
    except RedisUnavailable:
        with connection.wrap_database_errors:
            defer(connection.connection, tags)
        commit()
        cache_store().suspend_reads()
        metrics.writes("deferred")
        return
    # If this raises, it may be committed nevertheless: the marks stay until they expire.
    commit()
    try:
        cache_store().invalidate(tags, token)
    except RedisUnavailable:
        pass  # So do they here, and then every reader finds the tags without a version.
    metrics.writes("marked")


def _touched(connection: Any) -> list[str]:
    # Not through Django's cursor: it is no statement of the request, and none to measure as such.
    with connection.wrap_database_errors:
        [touched] = connection.connection.execute(_TOUCHED).fetchone()
    return list(dict.fromkeys((touched or "").split(",")[1:]))
