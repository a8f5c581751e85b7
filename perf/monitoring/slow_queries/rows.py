"""The rows of slow statements: on a connection of its own, as staff, with little patience."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from datetime import timedelta
from typing import Any

import psycopg
from psycopg.types.json import Jsonb

from morpheus.cache.outbox import connect
from perf.monitoring.slow_queries.sightings import Sighting

# Statements times routes that are kept; what was not seen for the longest goes first.
MAX_ROWS = 10_000
# What any statement here may take, and wait for a lock. Nobody waits for these rows.
TIMEOUT_MS = 1000
# How old a plan may become while its statement is still seen.
PLAN_AGE = timedelta(hours=1)

_BEGIN = """
SELECT set_config('app.staff', 'on', true),
       set_config('statement_timeout', %s, true),
       set_config('lock_timeout', %s, true)
"""
# In the order of the unique index, so that two processes do not wait for each other.
_WRITE = """
INSERT INTO perf_slowquery AS kept
    (fingerprint, kind, statement, route, request_id, worst_ms, last_ms, count, plan_note)
SELECT *, '' FROM unnest(
    %s::text[], %s::text[], %s::text[], %s::text[], %s::text[], %s::float8[], %s::float8[],
    %s::bigint[]
) AS seen (fingerprint, kind, statement, route, request_id, worst_ms, last_ms, count)
ORDER BY fingerprint, route
ON CONFLICT (fingerprint, route) DO UPDATE SET
    count = kept.count + excluded.count,
    worst_ms = greatest(kept.worst_ms, excluded.worst_ms),
    last_ms = excluded.last_ms,
    request_id = excluded.request_id,
    last_seen = excluded.last_seen
RETURNING fingerprint, xmax = 0 AS is_new, planned_at IS NULL OR planned_at < now() - %s
"""
# By one process at a time: two that delete the same rows could wait for each other.
_PRUNE = """
DELETE FROM perf_slowquery
WHERE id = ANY (ARRAY(
    SELECT id FROM perf_slowquery ORDER BY last_seen DESC, id DESC OFFSET %s
)) AND pg_try_advisory_xact_lock(hashtext('perf_slowquery'))
"""
# The same statement on another route may have been explained already.
_COPY_PLAN = """
UPDATE perf_slowquery stale
SET plan = fresh.plan, plan_note = fresh.plan_note, planned_at = fresh.planned_at
FROM (
    SELECT plan, plan_note, planned_at FROM perf_slowquery
    WHERE fingerprint = %(fingerprint)s AND planned_at >= now() - %(age)s
    ORDER BY planned_at DESC LIMIT 1
) fresh
WHERE stale.fingerprint = %(fingerprint)s
  AND (stale.planned_at IS NULL OR stale.planned_at < now() - %(age)s)
"""
_CLAIM = """
UPDATE perf_slowquery SET {column} = now()
WHERE fingerprint = %s AND ({column} IS NULL OR {column} < now() - %s::interval)
"""
_KEEP_PLAN = """
UPDATE perf_slowquery SET plan = %s, plan_note = %s WHERE fingerprint = %s
"""


@contextmanager
def opened() -> Iterator[psycopg.Connection]:
    """Yield a connection that is not the pool's, in autocommit.

    Raises:
        psycopg.OperationalError: The database is out of reach, or lets nobody in.
    """
    with connect("morpheus slow queries") as connection:
        yield connection


@contextmanager
def as_staff(connection: psycopg.Connection) -> Iterator[None]:
    """Run the block in one transaction that may see and change the rows, and soon gives up."""
    with connection.transaction():
        connection.execute(_BEGIN, [str(TIMEOUT_MS), str(TIMEOUT_MS)])
        yield


def write(connection: psycopg.Connection, sightings: Sequence[Sighting]) -> set[str]:
    """Add to the rows what was seen; return the fingerprints whose plan is missing or old."""
    columns = zip(*map(_row, sightings), strict=True)
    with as_staff(connection):
        written = connection.execute(_WRITE, [*map(list, columns), PLAN_AGE]).fetchall()
        if any(is_new for _, is_new, _ in written):
            connection.execute(_PRUNE, [MAX_ROWS])
    return {fingerprint for fingerprint, _, is_stale in written if is_stale}


def claim_plan(connection: psycopg.Connection, fingerprint: str) -> bool:
    """Tell whether the caller is to take the plan: nobody did so within the last hour."""
    with as_staff(connection):
        connection.execute(_COPY_PLAN, {"fingerprint": fingerprint, "age": PLAN_AGE})
        return _claimed(connection, "planned_at", fingerprint, PLAN_AGE)


def claim_alert(connection: psycopg.Connection, fingerprint: str, every: timedelta) -> bool:
    """Tell whether the caller is to tell of it: nobody did so within `every`."""
    with as_staff(connection):
        return _claimed(connection, "alerted_at", fingerprint, every)


def keep_plan(connection: psycopg.Connection, fingerprint: str, plan: Any, note: str) -> None:
    """Keep a statement's plan, or why there is none, on all its routes."""
    with as_staff(connection):
        kept = None if plan is None else Jsonb(plan)
        connection.execute(_KEEP_PLAN, [kept, note[:200], fingerprint])


def _claimed(
    connection: psycopg.Connection, column: str, fingerprint: str, every: timedelta
) -> bool:
    claim = _CLAIM.format(column=column).encode()
    return connection.execute(claim, [fingerprint, every]).rowcount > 0


def _row(seen: Sighting) -> tuple[Any, ...]:
    shape = seen.shape
    return (
        *(shape.fingerprint, shape.kind, shape.text, seen.route[:300], seen.request_id),
        *(seen.worst_ms, seen.last_ms, seen.count),
    )
