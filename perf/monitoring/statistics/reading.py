"""How statistics are read: each statement under a limit of its own, and failures in a sentence."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

from django.db import (
    DataError,
    InternalError,
    OperationalError,
    ProgrammingError,
    connection,
    transaction,
)

# What one statement may take. All of them read the catalogue or shared memory, some milliseconds
# whatever the tables hold: who waits longer waits for a lock or for a machine that is overloaded.
STATEMENT_TIMEOUT_MS = 1_000
# A table that is being altered is not waited for.
LOCK_TIMEOUT_MS = 200

_LIMITS = "SELECT set_config('statement_timeout', %s, true), set_config('lock_timeout', %s, true)"
# The server is gone: no question of statistics.
_LOST = (None, "08000", "08003", "08006", "57P01", "57P02", "57P03")


class StatsUnavailable(Exception):
    """Something cannot be read; the message is a sentence that says how to get it."""


@contextmanager
def limited(timeout_ms: int = STATEMENT_TIMEOUT_MS) -> Iterator[Any]:
    """Give a cursor whose statements are limited, in a savepoint: a failure costs nothing else.

    Raises:
        StatsUnavailable: A statement took too long, or was refused.
    """
    try:
        with transaction.atomic(), connection.cursor() as cursor:
            cursor.execute(_LIMITS, [str(timeout_ms), str(min(timeout_ms, LOCK_TIMEOUT_MS))])
            yield cursor
    except (OperationalError, ProgrammingError, InternalError, DataError) as error:
        sqlstate = getattr(error.__cause__, "sqlstate", None)
        if sqlstate in _LOST:
            raise
        raise StatsUnavailable(_sentence(error, sqlstate, timeout_ms)) from error


def rows(sql: str, params: list[Any] | None = None) -> list[Any]:
    """Return the rows of one limited statement. Raises StatsUnavailable."""
    with limited() as cursor:
        cursor.execute(sql, params)
        found: list[Any] = cursor.fetchall()
        return found


def _sentence(error: Exception, sqlstate: str | None, timeout_ms: int) -> str:
    said = str(error).strip().splitlines()[0] if str(error).strip() else type(error).__name__
    match sqlstate:
        case "57014":
            return f"PostgreSQL did not answer within {timeout_ms:,} ms; it is busy."
        case "55P03":
            return "A table is locked at this moment, most likely by a migration; look again later."
        case "42501":
            return f"PostgreSQL refused it ({said}): run `manage.py services roles` again."
        case "42P01" | "42883" if "pg_stat_statements" in said:
            return (
                "The extension pg_stat_statements is not in this database: put it into "
                "shared_preload_libraries, restart PostgreSQL, run `manage.py services roles`."
            )
        case "42883" if "morpheus_" in said:
            return f"PostgreSQL lacks a function ({said}): run `manage.py services roles` again."
        case "55000" if "pg_stat_statements" in said:
            return (
                "PostgreSQL did not load pg_stat_statements: put it into "
                "shared_preload_libraries and restart it."
            )
    return f"PostgreSQL refused it: {said}"
