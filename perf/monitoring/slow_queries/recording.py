"""What becomes of slow statements that were seen: a log line, a row, a plan, an alert."""

from __future__ import annotations

import atexit
import logging
import os
from datetime import timedelta
from functools import cache

import psycopg
from django.conf import settings

from morpheus.http.log_format import log_event
from perf.models import SlowQuery
from perf.monitoring.slow_queries import alerts, rows
from perf.monitoring.slow_queries.metrics import dropped
from perf.monitoring.slow_queries.plans import take_plan
from perf.monitoring.slow_queries.sightings import Gathering, Sighting
from perf.monitoring.slow_queries.signals import slow_query_recorded

logger = logging.getLogger(__name__)

# Plans that are taken before the next rows are written; the rest when they are seen again.
MAX_PLANS = 5
# More of a statement than this is not in the log; the row has all of it.
MAX_LOGGED_CHARS = 500


def record(sightings: list[Sighting]) -> None:
    """Log and write what was seen; without a database it is logged alone, and counted."""
    for seen in sightings:
        _log(seen)
    is_written = False
    try:
        with rows.opened() as connection:
            unexplained = rows.write(connection, sightings)
            is_written = True
            _tell(connection, sightings)
            _explain(connection, {s.shape.fingerprint: s.sql for s in sightings}, unexplained)
    except psycopg.Error as error:
        if not is_written:
            dropped.inc(sum(seen.count for seen in sightings))
        logger.warning("Slow statements could not be written: %s", type(error).__name__)


@cache
def gathering() -> Gathering:
    """Return this process's."""
    made = Gathering(record)
    if alerts.are_wanted():
        alerts.start()
    atexit.register(alerts.finish)
    atexit.register(made.finish)  # Called first.
    return made


# Threads do not outlive a fork.
os.register_at_fork(after_in_child=gathering.cache_clear)


def _log(seen: Sighting) -> None:
    log_event(
        logger,
        logging.WARNING,
        "slow_query",
        seen.request_id,
        route=seen.route,
        kind=seen.shape.kind,
        ms=round(seen.worst_ms, 1),
        count=seen.count,
        fingerprint=seen.shape.fingerprint,
        statement=seen.shape.text[:MAX_LOGGED_CHARS],
    )


def _tell(connection: psycopg.Connection, sightings: list[Sighting]) -> None:
    every = timedelta(seconds=settings.SLOW_QUERY_ALERT_EVERY_S)
    for seen in sightings:
        for receiver, answer in slow_query_recorded.send_robust(SlowQuery, sighting=seen):
            if isinstance(answer, Exception):
                logger.error("%r of slow statements failed.", receiver, exc_info=answer)
        if alerts.are_wanted() and rows.claim_alert(connection, seen.shape.fingerprint, every):
            alerts.send(seen)


def _explain(
    connection: psycopg.Connection, statements: dict[str, str], unexplained: set[str]
) -> None:
    for fingerprint in sorted(unexplained)[:MAX_PLANS]:
        if rows.claim_plan(connection, fingerprint):
            plan, note = take_plan(connection, statements[fingerprint])
            rows.keep_plan(connection, fingerprint, plan, note)
