"""The outbox: tags that wait in the table `cache_outbox` until they are invalidated.

Triggers insert the tags of changes by psql, COPY or another program in the same transaction, and
`write_transaction` defers to it while Redis is unavailable. A drain invalidates tags before it
commits the deletion of their rows. So no tag is lost; at worst it is invalidated twice.
"""

from __future__ import annotations

import logging
from collections.abc import Callable, Collection, Sequence

import psycopg
from django.db import DEFAULT_DB_ALIAS, connections

logger = logging.getLogger(__name__)

CHANNEL = "cache_outbox"

Invalidate = Callable[[Sequence[str]], None]

# Concurrent drains take different rows.
_TAKE = """
DELETE FROM cache_outbox WHERE id = ANY (ARRAY(
    SELECT id FROM cache_outbox ORDER BY id LIMIT %s FOR UPDATE SKIP LOCKED
)) RETURNING tag
"""
# The database and the timeline of its cluster: a restore and a failover change it. Not readable on
# a server in recovery.
IDENTITY = """
SELECT concat_ws(
    '-',
    (SELECT system_identifier FROM pg_control_system()),
    left(pg_walfile_name(pg_current_wal_lsn()), 8),
    (SELECT oid FROM pg_database WHERE datname = current_database())
)
"""
_LOOK = f"""
SELECT EXISTS (SELECT FROM cache_outbox),
       NOT EXISTS (SELECT FROM cache_database WHERE identity = ({IDENTITY}))
"""  # noqa: S608 - constants
# A second process waits for the row, and then finds it changed.
_ADOPT = f"""
WITH adopted AS (
    UPDATE cache_database SET identity = ({IDENTITY}) WHERE identity <> ({IDENTITY})
    RETURNING identity
)
SELECT cache_touch('{{all}}') FROM adopted
"""  # noqa: S608 - constants
# Without a list of collected tags, `cache_touch` inserts into the outbox.
_DEFER = """
SELECT cache_touch(%s::text[])
FROM (SELECT set_config('app.touches', '', true) OFFSET 0) collects_nothing
"""


def connect(application_name: str = "morpheus outbox") -> psycopg.Connection:
    """Return a connection to the default database outside of the pool, in autocommit.

    Raises:
        psycopg.OperationalError: The database is unavailable.
    """
    parameters = connections[DEFAULT_DB_ALIAS].get_connection_params()
    # Detects a server that vanished within seconds, without a limit for statements.
    own = {"connect_timeout": 2, "tcp_user_timeout": 3000, "prepare_threshold": None}
    return psycopg.connect(
        **{**parameters, **own, "application_name": application_name}, autocommit=True
    )


def drain(invalidate: Invalidate, connection: psycopg.Connection, *, limit: int = 1000) -> int:
    """Invalidate the tags of up to `limit` rows and delete the rows; return their number.

    Args:
        invalidate: Called with distinct tags. The rows stay if it raises.
        connection: In autocommit.
    """
    with connection.transaction():
        tags = [tag for (tag,) in connection.execute(_TAKE, [limit])]
        if tags:
            invalidate(sorted(set(tags)))
    return len(tags)


def is_empty(connection: psycopg.Connection) -> bool:
    """Return whether no tag waits, not even one that another process is draining.

    In a database that was restored, or promoted from a replica, first insert the tag that every
    cached value carries: the cache may have values from a time that this database never had.
    """
    has_tags, is_other_database = connection.execute(_LOOK).fetchone() or (True, True)
    if is_other_database:
        logger.warning("The database was made, restored or promoted: emptying the cache.")
        connection.execute(_ADOPT)
    return not (has_tags or is_other_database)


def defer(connection: psycopg.Connection, tags: Collection[str]) -> None:
    """Insert tags into the outbox, in the transaction of `connection`."""
    connection.execute(_DEFER, [list(tags)])
