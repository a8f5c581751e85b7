"""One process at a time prepares a database, on whatever machine it runs."""

from __future__ import annotations

import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager

import psycopg
from django.db import connection

from morpheus.db.roles import connected_as

WAITING = "Another Morpheus is preparing this database; waiting."
POLL_S = 0.5

_TRY = "SELECT pg_try_advisory_lock(hashtextextended('morpheus prepare', 0))"
# A holder whose machine vanished is noticed within a minute.
_KEEPALIVE = """
SELECT set_config('tcp_keepalives_idle', '30', false),
    set_config('tcp_keepalives_interval', '10', false),
    set_config('tcp_keepalives_count', '3', false)
"""
_held = False


@contextmanager
def prepares_alone(write: Callable[[str], object]) -> Iterator[None]:
    """Run the block while no other process prepares the database; a nested block runs at once.

    The lock is a session's, and PostgreSQL releases it when the process is gone. The session asks
    again and again instead of waiting in one statement, which would keep a snapshot:
    `CREATE INDEX CONCURRENTLY` of the process that prepares would wait for that snapshot for ever.
    It connects as the owner, who never comes through PgBouncer.

    Raises:
        OperationalError: The database is out of reach.
    """
    global _held
    if _held:
        yield
        return
    with connection.wrap_database_errors, _connect() as session:
        _wait(session, write)
        _held = True
        try:
            yield
        finally:
            _held = False


def _connect() -> psycopg.Connection:
    with connected_as("owner"):
        return psycopg.connect(**connection.get_connection_params() | {"autocommit": True})


def _wait(session: psycopg.Connection, write: Callable[[str], object]) -> None:
    session.execute(_KEEPALIVE)
    is_told = False
    while True:
        (is_ours,) = session.execute(_TRY).fetchone() or (False,)
        if is_ours:
            return
        if not is_told:
            write(WAITING)
            is_told = True
        time.sleep(POLL_S)
