"""The checks of the overview: each compares one value with its limit, by one statement at most."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import timedelta

from django.conf import settings
from django.utils import timezone

from morpheus.tracing.request_trace import REPLICA
from perf.models import SlowQuery
from perf.monitoring.dashboard import thresholds
from perf.monitoring.dashboard.check_runner import (
    Check,
    CheckResult,
    compare,
    good_if,
)
from perf.monitoring.dashboard.formatting import (
    format_bytes,
    format_ms,
    format_number,
    format_percent,
    format_seconds,
)
from perf.monitoring.dashboard.measurements import (
    KindStats,
    RouteStats,
    count_api_requests,
    measure_kinds,
    measure_offload,
    measure_pools,
    measure_routes,
)
from perf.monitoring.dashboard.samples import Samples
from perf.monitoring.slow_queries.recorder import slow_ms
from perf.monitoring.statistics import connections, indexes, statements, tables
from perf.monitoring.statistics.limited_queries import limited_cursor

# Fewer calls may all have met a cold cache.
MIN_CALLS = 20
# More slow queries are not counted.
MAX_COUNTED = 100


def list_checks(samples: Samples) -> list[Check]:
    """Return all checks; some compare `samples`, the others read PostgreSQL."""
    return [
        Check("Slowest route", "perf_routes", lambda: check_routes(samples)),
        Check("Errors", "perf_routes", lambda: check_errors(samples)),
        Check("Slowest kind of statement", "perf_queries", lambda: check_kinds(samples)),
        Check("Slowest query", "perf_queries", check_queries),
        Check("Slow queries", "perf_slow", check_slow_queries),
        Check("Cache", "perf_cache", lambda: check_offload(samples)),
        Check("Pool", "perf_connections", lambda: check_pools(samples)),
        Check("Connections", "perf_connections", check_connections),
        Check("Oldest transaction", "perf_connections", check_transactions),
        Check("Disk", "perf_connections", lambda: check_disk(samples)),
        Check("Shared buffers", "perf_queries", check_shared_buffers),
        Check("Dead rows", "perf_tables", check_dead_rows),
        Check("Foreign keys", "perf_indexes", check_foreign_keys),
        Check("Duplicate indexes", "perf_indexes", check_duplicate_indexes),
        Check("Invalid indexes", "perf_indexes", check_invalid_indexes),
        Check("Replication", "perf_replication", check_replicas),
    ]


def check_routes(samples: Samples) -> CheckResult:
    """Compare the route that uses most of its budget."""
    return _check_latencies(measure_routes(samples), "route", "route with a budget", "requests")


def check_kinds(samples: Samples) -> CheckResult:
    """Compare the kind of statement that uses most of its limit."""
    return _check_latencies(measure_kinds(samples), "kind", "kind", "statements")


def _check_latencies(
    latencies: Sequence[RouteStats | KindStats], label: str, subject: str, counted: str
) -> CheckResult:
    compared = [latency for latency in latencies if latency.state != "unknown"]
    if not compared:
        return CheckResult("waiting", f"no {subject} has enough {counted} yet.")
    worst = max(compared, key=lambda latency: latency.budget_used or 0)
    over = sum(latency.state == "bad" for latency in compared)
    name, p95 = getattr(worst, label), format_ms(worst.p95_ms)
    sentence = f"{name} p95 {p95}, limit {format_ms(worst.limit_ms)}."
    if over > 1:
        sentence += f" {over} {label}s exceed their budgets."
    return good_if(not over, sentence, worst.budget_used)


def check_errors(samples: Samples) -> CheckResult:
    """Compare the share of 5xx responses."""
    routes = measure_routes(samples)
    responses = sum(route.times.count for route in routes)
    if not responses:
        return CheckResult("waiting", "there are no responses yet.")
    errors = sum(route.errors for route in routes)
    sentence = (
        f"{format_number(errors)} of {format_number(responses)} responses were 5xx, "
        f"limit {format_percent(thresholds.MAX_ERROR_RATIO)}."
    )
    return compare(errors / responses, thresholds.MAX_ERROR_RATIO, sentence)


def check_queries() -> CheckResult:
    """Compare the statement with the greatest mean time."""
    slowest = statements.slowest_statement([MIN_CALLS])
    if slowest is None:
        return CheckResult("waiting", f"none has {MIN_CALLS} calls yet.")
    sentence = (
        f"{format_ms(slowest.mean_ms)} on average in "
        f"{format_number(slowest.calls)} calls, limit {format_ms(slow_ms())}."
    )
    return compare(slowest.mean_ms, slow_ms(), sentence)


def check_slow_queries() -> CheckResult:
    """Count the slow queries of the last day."""
    with limited_cursor():
        recent = SlowQuery.objects.filter(last_seen__gte=timezone.now() - timedelta(days=1))
        recent = recent.only("route", "worst_ms").order_by("-last_seen", "-id")
        queries = list(recent[:MAX_COUNTED])
    if not queries:
        return good_if(True, "none in the last day.")
    count = f"{MAX_COUNTED} or more" if len(queries) == MAX_COUNTED else str(len(queries))
    worst = max(queries, key=lambda query: query.worst_ms)
    sentence = (
        f"{count} in the last day, up to {format_ms(worst.worst_ms)} on {worst.route}, limit 0."
    )
    return good_if(False, sentence)


def check_offload(samples: Samples) -> CheckResult:
    """Compare the database time that the cache avoids."""
    offload = measure_offload(samples)
    requests, needed = count_api_requests(samples), thresholds.MIN_CACHE_REQUESTS
    if offload.ratio is None or requests < needed:
        counts = f"{format_number(requests)} of {format_number(needed)}"
        return CheckResult("waiting", f"there are not enough requests of the API yet, {counts}.")
    sentence = (
        f"{format_percent(offload.ratio)} of database time avoided, "
        f"target {format_percent(thresholds.TARGET_OFFLOAD)}."
    )
    return good_if(offload.ratio >= thresholds.TARGET_OFFLOAD, sentence, offload.ratio)


def check_pools(samples: Samples) -> CheckResult:
    """Check that no thread waits for a connection."""
    pools = measure_pools(samples)
    if not pools:
        return CheckResult("waiting", "no process has opened one yet.")
    worst = max(pools, key=lambda pool: (pool.waiting, pool.fill or 0))
    sentence = (
        f"{worst.in_use:.0f} of {worst.size_limit:.0f} connections in use, "
        f"{worst.waiting:.0f} threads waiting."
    )
    if worst.timeouts:
        sentence += f" {format_number(worst.timeouts)} pool timeouts since the server started."
    return good_if(not worst.waiting and not worst.timeouts, sentence, worst.fill)


def check_connections() -> CheckResult:
    """Compare the number of connections with PostgreSQL's limit."""
    limits = connections.connection_limits()
    fill = limits.used / limits.usable
    sentence = f"{limits.used} in use, PostgreSQL allows {limits.usable}."
    return good_if(fill <= thresholds.MAX_CONNECTIONS_USED, sentence, fill)


def check_transactions() -> CheckResult:
    """Compare the oldest transaction of another session, and count waits for locks."""
    # Autovacuum has no role, and delays no other vacuum.
    groups = [group for group in connections.sessions() if group.role != "-"]
    waiting = sum(group.waiting for group in groups)
    locks = f"{waiting} sessions wait for locks"
    oldest = max(groups, key=lambda group: group.transaction_s or 0, default=None)
    if oldest is None or oldest.transaction_s is None:
        return good_if(not waiting, f"none is open, {locks}.")
    sentence = (
        f"{format_seconds(oldest.transaction_s)}, limit "
        f"{format_seconds(thresholds.MAX_TRANSACTION_S)}, by {oldest.role} "
        f"({oldest.state or 'state hidden'}); {locks}."
    )
    return compare(oldest.transaction_s, thresholds.MAX_TRANSACTION_S, sentence)


def check_disk(samples: Samples) -> CheckResult:
    """Compare the least free space with the limit for uploads."""
    free = samples.sums("morpheus_disk_free_bytes", "folder")
    if not free:
        return CheckResult("waiting", "no process has measured the free space yet.")
    (folder,), least = min(free.items(), key=lambda item: item[1])
    limit = settings.MORPHEUS_FREE_SPACE_BYTES
    sentence = (
        f"{format_bytes(least)} free for {folder}; uploads are refused below {format_bytes(limit)}."
    )
    return good_if(least >= 2 * limit, sentence, 2 * limit / least if least else 1.0)


def check_shared_buffers() -> CheckResult:
    """Compare the hit ratio of PostgreSQL's shared buffers, for the statements of the service."""
    totals, needed = statements.totals(), thresholds.MIN_PAGE_READS
    if totals.buffers < needed:
        counts = f"{format_number(totals.buffers)} of {format_number(needed)}"
        return CheckResult("waiting", f"there are not enough page reads yet, {counts}.")
    sentence = (
        f"{format_percent(totals.hit_ratio)} of page reads were hits, "
        f"target {format_percent(thresholds.TARGET_BUFFER_HITS)}."
    )
    return good_if(totals.hit_ratio >= thresholds.TARGET_BUFFER_HITS, sentence, totals.hit_ratio)


def check_dead_rows() -> CheckResult:
    """Compare the table with the greatest share of dead rows."""
    worst = tables.table_with_most_dead_rows([thresholds.MIN_DEAD_ROWS])
    if worst is None:
        few = format_number(thresholds.MIN_DEAD_ROWS)
        return good_if(True, f"every table has less than {few}.")
    sentence = (
        f"{format_percent(worst.ratio)} of {worst.table}, "
        f"limit {format_percent(thresholds.MAX_DEAD_RATIO)}."
    )
    return compare(worst.ratio, thresholds.MAX_DEAD_RATIO, sentence)


def check_foreign_keys() -> CheckResult:
    """Compare the largest table that deletions scan because an index is missing."""
    keys = indexes.unindexed_foreign_keys()
    if not keys:
        return good_if(True, "all have an index.")
    worst = max(keys, key=lambda key: key.rows)
    rows = max(0, worst.rows)
    sentence = (
        f"{worst.table} ({', '.join(worst.columns)}) has no index; a deletion in "
        f"{worst.references} scans {format_number(rows)} rows, "
        f"limit {format_number(thresholds.MAX_UNINDEXED_ROWS)}."
    )
    return compare(rows, thresholds.MAX_UNINDEXED_ROWS, sentence)


def check_duplicate_indexes() -> CheckResult:
    """Compare the total size of duplicate indexes."""
    duplicates = indexes.duplicate_indexes()
    if not duplicates:
        return good_if(True, "none.")
    size = sum(index.size_bytes for index in duplicates)
    sentence = (
        f"{len(duplicates)} with {format_bytes(size)} in total, "
        f"limit {format_bytes(thresholds.MAX_DUPLICATE_BYTES)}."
    )
    return compare(size, thresholds.MAX_DUPLICATE_BYTES, sentence)


def check_invalid_indexes() -> CheckResult:
    """Check that no interrupted build has left an index."""
    invalid = tables.invalid_indexes()
    if not invalid:
        return good_if(True, "none.")
    sentence = f"{len(invalid)}, such as {invalid[0].name}; drop and rebuild them."
    return good_if(False, sentence)


def check_replicas() -> CheckResult:
    """Compare the greatest lag of a replica."""
    replicas = connections.replicas()
    if not replicas:
        if REPLICA in settings.DATABASES:
            return good_if(False, "a replica is configured, but none is connected.")
        return good_if(True, "no replica is configured or connected.")
    if any(replica.state is None for replica in replicas):
        return CheckResult("unknown", "the lag is hidden; run `manage.py services roles`.")
    worst = max(replicas, key=lambda replica: replica.lag_s or 0)
    lag_s = worst.lag_s or 0.0
    sentence = (
        f"{worst.name} lags {format_seconds(lag_s)} "
        f"({format_bytes(worst.lag_bytes)}), limit "
        f"{format_seconds(thresholds.MAX_REPLICA_LAG_S)}."
    )
    return compare(lag_s, thresholds.MAX_REPLICA_LAG_S, sentence)
