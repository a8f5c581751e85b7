"""Commits that invalidate: write intents before, invalidation after, then the response."""

from __future__ import annotations

import secrets
from collections.abc import Callable
from typing import Any

from django.conf import settings
from psycopg.pq import TransactionStatus

from morpheus.cache import metrics
from morpheus.cache.outbox import defer
from morpheus.cache.redis_client import RedisUnavailable
from morpheus.cache.store import cache_store
from morpheus.db.write_pipeline import READ_TAGS


def commit_and_invalidate(connection: Any, commit: Callable[[], None]) -> None:
    """Commit a `write_transaction` and invalidate the tags that triggers collected.

    When this returns, no reader gets a value from before the commit. docs/caching.md says what
    holds if the process dies in between or Redis is unavailable.
    """
    tags = _read_collected_tags(connection)
    if not tags:
        commit()
        return
    token = secrets.token_hex(6)
    store = cache_store()
    try:
        if not settings.MORPHEUS_CACHE:
            raise RedisUnavailable("Switched off in this process; others may use the cache.")
        store.set_write_intents(tags, token)
    except RedisUnavailable:
        with connection.wrap_database_errors:
            defer(connection.connection, tags)
        commit()
        store.suspend_reads()
        metrics.writes.labels("deferred").inc()
        return
    # If this raises, the database may have committed. The write intents stay until they expire.
    commit()
    try:
        store.invalidate(tags, token)
    except RedisUnavailable:
        pass  # The write intents expire, and then the tags have no version.
    metrics.writes.labels("invalidated").inc()


def _read_collected_tags(connection: Any) -> list[str]:
    collected, connection.collected_tags = connection.collected_tags, None
    if (
        collected is None
        and connection.connection.info.transaction_status != TransactionStatus.IDLE
    ):
        # Not by Django's cursor: this statement is not one of the request's.
        with connection.wrap_database_errors:
            [collected] = connection.connection.execute(READ_TAGS).fetchone()
    return list(dict.fromkeys((collected or "").split(",")[1:]))
