"""Reads and writes the table of slow statements, on a connection outside of the pool."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from datetime import timedelta
from typing import Any

import psycopg
from django.utils import timezone
from psycopg.types.json import Jsonb

from morpheus.tracing.routes import TraceParent
from morpheus.worker.housekeeping import delete_in_batches
from perf.models import SlowQuery
from perf.monitoring.sql_text import NormalizedStatement

# Statements times routes; the rows that were seen longest ago are deleted first.
MAX_ROWS = 10_000
# A statement that was not slow for so long is deleted with its plan.
ROW_AGE = timedelta(days=30)
# Limit of each statement here, and of its wait for a lock; no request waits for these rows.
TIMEOUT_MS = 1000
# A plan is taken again when it is older and its statement is slow again.
PLAN_AGE = timedelta(hours=1)

_BEGIN = """
SELECT set_config('app.staff', 'on', true),
       set_config('statement_timeout', %s, true),
       set_config('lock_timeout', %s, true)
"""
# Rows in the order of the unique index, so that two processes cannot deadlock.
_WRITE = """
INSERT INTO perf_slowquery AS existing
    (fingerprint, kind, statement, route, request_id, worst_ms, last_ms, count, plan_note)
SELECT *, '' FROM unnest(
    %s::text[], %s::text[], %s::text[], %s::text[], %s::text[], %s::float8[], %s::float8[],
    %s::bigint[]
) AS seen (fingerprint, kind, statement, route, request_id, worst_ms, last_ms, count)
ORDER BY fingerprint, route
ON CONFLICT (fingerprint, route) DO UPDATE SET
    count = existing.count + excluded.count,
    worst_ms = greatest(existing.worst_ms, excluded.worst_ms),
    last_ms = excluded.last_ms,
    request_id = excluded.request_id,
    last_seen = excluded.last_seen
RETURNING fingerprint, xmax = 0 AS is_new, planned_at IS NULL OR planned_at < now() - %s
"""
# One process at a time: two that delete the same rows could deadlock.
_PRUNE = """
DELETE FROM perf_slowquery
WHERE id = ANY (ARRAY(
    SELECT id FROM perf_slowquery ORDER BY last_seen DESC, id DESC OFFSET %s
)) AND pg_try_advisory_xact_lock(hashtext('perf_slowquery'))
"""
# Another route may already have the plan of the same statement.
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
_CLAIM_PLAN = """
UPDATE perf_slowquery SET planned_at = now()
WHERE fingerprint = %s AND (planned_at IS NULL OR planned_at < now() - %s::interval)
"""
_WRITE_PLAN = """
UPDATE perf_slowquery SET plan = %s, plan_note = %s WHERE fingerprint = %s
"""


@dataclass(slots=True)
class SlowStatement:
    """A slow statement on a route, with its executions of one batch.

    Attributes:
        sql: The text given to the cursor. It may contain values, so it only serves to get the plan.
        request_id, parent: Of the last execution; empty and None outside of requests.
        worst_ms, last_ms: Of the slowest and of the last execution.
    """

    normalized: NormalizedStatement
    route: str
    sql: str
    request_id: str
    worst_ms: float
    last_ms: float
    count: int = 1
    parent: TraceParent | None = None


@contextmanager
def staff_transaction(connection: psycopg.Connection) -> Iterator[None]:
    """Run the block in one transaction as staff, with `TIMEOUT_MS` for each statement."""
    with connection.transaction():
        connection.execute(_BEGIN, [str(TIMEOUT_MS), str(TIMEOUT_MS)])
        yield


def write(connection: psycopg.Connection, batch: Sequence[SlowStatement]) -> set[str]:
    """Add a batch to the rows; return the fingerprints whose plan is missing or too old."""
    columns = zip(*map(_row, batch), strict=True)
    with staff_transaction(connection):
        written = connection.execute(_WRITE, [*map(list, columns), PLAN_AGE]).fetchall()
        if any(is_new for _, is_new, _ in written):
            connection.execute(_PRUNE, [MAX_ROWS])
    return {fingerprint for fingerprint, _, is_stale in written if is_stale}


def claim_plan(connection: psycopg.Connection, fingerprint: str) -> bool:
    """Return whether the caller has to take the plan: no process did within `PLAN_AGE`."""
    with staff_transaction(connection):
        connection.execute(_COPY_PLAN, {"fingerprint": fingerprint, "age": PLAN_AGE})
        return connection.execute(_CLAIM_PLAN, [fingerprint, PLAN_AGE]).rowcount > 0


def write_plan(connection: psycopg.Connection, fingerprint: str, plan: Any, note: str) -> None:
    """Store a statement's plan, or the reason why it has none, on all its routes."""
    with staff_transaction(connection):
        document = None if plan is None else Jsonb(plan)
        connection.execute(_WRITE_PLAN, [document, note[:200], fingerprint])


def delete_old_rows() -> int:
    """Delete the rows that were last seen longer than `ROW_AGE` ago; return how many."""
    return delete_in_batches(SlowQuery.objects.filter(last_seen__lt=timezone.now() - ROW_AGE))


def _row(statement: SlowStatement) -> tuple[Any, ...]:
    its = statement.normalized
    return (
        *(its.fingerprint, its.kind, its.text, statement.route[:300], statement.request_id),
        *(statement.worst_ms, statement.last_ms, statement.count),
    )
