"""A lock by which one process at a time prepares a database, on any machine."""

from __future__ import annotations

import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager

import psycopg
from django.db import connection

from morpheus.db.roles import connected_as

WAITING = "Another Morpheus is preparing this database; waiting."
POLL_S = 0.5

_TRY_LOCK = "SELECT pg_try_advisory_lock(hashtextextended('morpheus prepare', 0))"
# So PostgreSQL notices within a minute that the machine of a lock holder is gone.
_KEEPALIVE = "-c tcp_keepalives_idle=30 -c tcp_keepalives_interval=10 -c tcp_keepalives_count=3"
_is_held = False


@contextmanager
def preparation_lock(write: Callable[[str], object]) -> Iterator[None]:
    """Hold the lock for the block; a nested block has it already.

    Args:
        write: Receives a message if another process holds the lock.

    Raises:
        OperationalError: The database is out of reach.
    """
    global _is_held
    if _is_held:
        yield
        return
    with connection.wrap_database_errors, _open_session() as session:
        _wait_for_lock(session, write)
        _is_held = True
        try:
            yield
        finally:
            _is_held = False


def _open_session() -> psycopg.Connection:
    """Connect as the owner, whose URL never leads to PgBouncer: the lock belongs to a session."""
    with connected_as("owner"):
        login = connection.get_connection_params()
    return psycopg.connect(**login | {"autocommit": True, "options": _KEEPALIVE})


def _wait_for_lock(session: psycopg.Connection, write: Callable[[str], object]) -> None:
    """Poll for the lock.

    A statement that waits for it would hold a snapshot, for which `CREATE INDEX CONCURRENTLY` of
    the lock holder would wait for ever.
    """
    has_written = False
    while session.execute(_TRY_LOCK).fetchone() != (True,):
        if not has_written:
            write(WAITING)
            has_written = True
        time.sleep(POLL_S)
