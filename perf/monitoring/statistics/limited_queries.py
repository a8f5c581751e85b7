"""Runs statistics queries with a time limit, and turns their failures into sentences."""

from __future__ import annotations

from collections import namedtuple
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from functools import partial
from typing import Any

from django.db import (
    DEFAULT_DB_ALIAS,
    DataError,
    InternalError,
    OperationalError,
    ProgrammingError,
    connections,
    transaction,
)

# Limit of one query. Each reads the catalogue or shared memory, which takes some ms whatever the
# tables hold; more time means a lock or an overloaded machine.
STATEMENT_TIMEOUT_MS = 1_000
# A table that is being altered is skipped rather than waited for.
LOCK_TIMEOUT_MS = 200

LIMITS = "SELECT set_config('statement_timeout', %s, true), set_config('lock_timeout', %s, true)"
# The server is gone; that is not a failure of one query.
_CONNECTION_LOST = (None, "08000", "08003", "08006", "57P01", "57P02", "57P03")


class StatisticsUnavailable(Exception):
    """A statistic cannot be read; the message says why and what to do."""


@contextmanager
def limited_cursor(
    timeout_ms: int = STATEMENT_TIMEOUT_MS, *, using: str = DEFAULT_DB_ALIAS
) -> Iterator[Any]:
    """Yield a cursor with limited statements, in a savepoint that contains a failure.

    Raises:
        StatisticsUnavailable: A statement took too long or was refused.
    """
    try:
        with transaction.atomic(using), connections[using].cursor() as cursor:
            cursor.execute(LIMITS, [str(timeout_ms), str(min(timeout_ms, LOCK_TIMEOUT_MS))])
            yield cursor
    except (OperationalError, ProgrammingError, InternalError, DataError) as error:
        sqlstate = getattr(error.__cause__, "sqlstate", None)
        if sqlstate in _CONNECTION_LOST:
            raise
        raise StatisticsUnavailable(_describe(error, sqlstate, timeout_ms)) from error


def fetch_rows(
    sql: str, params: list[Any] | None = None, *, using: str = DEFAULT_DB_ALIAS
) -> list[Any]:
    """Return the rows of one limited query, with its columns as attributes.

    Raises:
        StatisticsUnavailable: The query took too long or was refused.
    """
    with limited_cursor(using=using) as cursor:
        cursor.execute(sql, params)
        columns = [column.name for column in cursor.description]
        row = namedtuple("row", columns, rename=True)  # type: ignore[misc] # from the query
        return [row(*values) for values in cursor.fetchall()]


def fetch_row(sql: str, params: list[Any] | None = None) -> Any:
    """Return the first row of one limited query, or None. Raises StatisticsUnavailable."""
    return next(iter(fetch_rows(sql, params)), None)


def select_rows(sql: str) -> Callable[..., list[Any]]:
    """Return a function that takes the parameters of a query and fetches its rows."""
    return partial(fetch_rows, sql)


def select_row(sql: str) -> Callable[..., Any]:
    """Return a function that takes the parameters of a query and fetches its first row."""
    return partial(fetch_row, sql)


def _describe(error: Exception, sqlstate: str | None, timeout_ms: int) -> str:
    message = str(error).strip().splitlines()[0] if str(error).strip() else type(error).__name__
    match sqlstate:
        case "57014":
            return f"PostgreSQL did not respond within {timeout_ms:,} ms; it is overloaded."
        case "55P03":
            return "A table is locked, most likely by a migration; try again later."
        case "42501":
            return f"PostgreSQL refused it ({message}): run `manage.py services roles` again."
        case "42P01" | "42883" if "pg_stat_statements" in message:
            return (
                "The extension pg_stat_statements is missing in this database: add it to "
                "shared_preload_libraries, restart PostgreSQL, run `manage.py services roles`."
            )
        case "42883" if "morpheus_" in message:
            return f"PostgreSQL lacks a function ({message}): run `manage.py services roles` again."
        case "55000" if "pg_stat_statements" in message:
            return (
                "PostgreSQL did not load pg_stat_statements: add it to shared_preload_libraries "
                "and restart PostgreSQL."
            )
    return f"PostgreSQL refused it: {message}"
