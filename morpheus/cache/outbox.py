"""Changes that no process of ours has told the cache: rows of `cache_outbox`, until it is told.

What psql, a COPY or another program changes, triggers write there in the same transaction, and we
do while Redis is away (`defer`). Who takes rows out gives their tags new versions before committing
the deletion, so that no tag is lost, whoever dies when; at worst it is renewed twice.
"""

from __future__ import annotations

from collections.abc import Callable, Collection, Sequence
from typing import Any, Protocol

import psycopg
from django.db import DEFAULT_DB_ALIAS, connections

CHANNEL = "cache_outbox"

Renew = Callable[[Sequence[str]], None]

# Two who drain at the same time take different rows.
_TAKE = """
DELETE FROM cache_outbox WHERE id = ANY (ARRAY(
    SELECT id FROM cache_outbox ORDER BY id LIMIT %s FOR UPDATE SKIP LOCKED
)) RETURNING tag
"""
# Collected by nobody: these tags go the way of those that were written by psql.
_DEFER = """
SELECT cache_touch(%s::text[])
FROM (SELECT set_config('app.touches', '', true) OFFSET 0) nobody_collects
"""


class _Executes(Protocol):
    """A psycopg connection, or a cursor of psycopg's or Django's."""

    def execute(self, query: str, params: Sequence[Any], /) -> Any: ...


def connect(application_name: str = "morpheus outbox") -> psycopg.Connection:
    """Return a connection of its own to the default database, not of the pool, in autocommit.

    Raises:
        psycopg.OperationalError: The database is out of reach.
    """
    given = connections[DEFAULT_DB_ALIAS].get_connection_params()
    # A vanished server is noticed in seconds; its answer to a statement is waited for as long.
    patience = {"connect_timeout": 2, "tcp_user_timeout": 3000, "prepare_threshold": None}
    return psycopg.connect(
        **{**given, **patience, "application_name": application_name}, autocommit=True
    )


def drain(renew: Renew, *, connection: psycopg.Connection | None = None, limit: int = 1000) -> int:
    """Give the tags of up to `limit` rows new versions and delete the rows; return how many.

    Args:
        renew: Called with distinct tags. What it raises leaves the rows where they were.
        connection: In autocommit; one is opened where none is given.
    """
    if connection is None:
        with connect() as own:
            return drain(renew, connection=own, limit=limit)
    with connection.transaction():
        tags = [tag for (tag,) in connection.execute(_TAKE, [limit])]
        if tags:
            renew(sorted(set(tags)))
    return len(tags)


def is_empty(connection: psycopg.Connection) -> bool:
    """Tell whether nothing waits, not even what somebody else is draining at the moment."""
    found = connection.execute("SELECT EXISTS (SELECT FROM cache_outbox)").fetchone()
    return found == (False,)


def defer(cursor: _Executes, tags: Collection[str]) -> None:
    """Put tags into the outbox in the transaction of `cursor`; the listeners do the rest."""
    cursor.execute(_DEFER, [list(tags)])
