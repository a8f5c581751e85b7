"""What changes: the tags that PostgreSQL notifies of at each commit, on one connection."""

from __future__ import annotations

import asyncio
import logging
from collections.abc import Callable

import psycopg
from django.conf import settings

from morpheus.cache.outbox import connection_parameters

logger = logging.getLogger(__name__)

# See morpheus/cache/sql/outbox.sql.
CHANNEL = "cache_tags"
# The tag of everything, and what an unknown number of missed notifications counts as.
ALL = "all"

APPLICATION_NAME = "morpheus events"

# Seconds between statements that find out whether the server still responds. Behind a PgBouncer,
# where LISTEN does not work, streams are read again so often.
PING_S = 2.0
# Seconds before the first attempt to connect again; doubled up to `PING_S`.
RETRY_S = 0.1


async def listen(notify: Callable[[frozenset[str]], None]) -> None:
    """Call `notify` with the tags of each commit, for ever.

    After each connect, also with `ALL`: changes before it were not heard.
    """
    retry_s = RETRY_S
    while True:
        try:
            parameters = connection_parameters(APPLICATION_NAME)
            parameters["cursor_factory"] = psycopg.AsyncCursor
            async with await psycopg.AsyncConnection.connect(
                **parameters, autocommit=True
            ) as connection:
                if not settings.MORPHEUS_PGBOUNCER:
                    await connection.execute(f"LISTEN {CHANNEL}")
                notify(frozenset([ALL]))
                retry_s = RETRY_S
                await _forward(connection, notify)
        except (psycopg.Error, OSError) as error:
            if retry_s == RETRY_S:  # Once for each outage.
                logger.warning("The event streams lost the database: %s", error)
            await asyncio.sleep(retry_s)
            retry_s = min(2 * retry_s, PING_S)


async def _forward(
    connection: psycopg.AsyncConnection, notify: Callable[[frozenset[str]], None]
) -> None:
    while True:
        async for notification in connection.notifies(timeout=PING_S):
            notify(frozenset(notification.payload.split(",")))
        await connection.execute("SELECT 1")
        if settings.MORPHEUS_PGBOUNCER:
            notify(frozenset([ALL]))
