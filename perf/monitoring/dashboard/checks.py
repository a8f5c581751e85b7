"""The checks of the first page: one question each, at most one statement, a sentence back."""

from __future__ import annotations

from datetime import timedelta

from django.conf import settings
from django.utils import timezone

from morpheus.tracing.request_trace import REPLICA
from perf.models import SlowQuery
from perf.monitoring.dashboard import caching, figures, latency, limits, pooling
from perf.monitoring.dashboard.metrics import Samples
from perf.monitoring.dashboard.verdicts import Check, Verdict, good_if, unknown
from perf.monitoring.slow_queries.detection import slow_ms
from perf.monitoring.statistics import connections, indexes, replication, statements, tables
from perf.monitoring.statistics.reading import limited

# A statement that ran twice may have met a cold cache both times.
CALLS = 20
# More slow queries than this are not counted.
COUNTED = 100


def checks(found: Samples) -> list[Check]:
    """Return all checks; those of the server's measurements read `found`."""
    return [
        Check("Routes", "perf_routes", lambda: slowest_route(found)),
        Check("Errors", "perf_routes", lambda: errors(found)),
        Check("Statements", "perf_queries", lambda: slowest_kind(found)),
        Check("Queries", "perf_queries", slowest_query),
        Check("Slow queries", "perf_slow", slow_queries),
        Check("Cache", "perf_cache", lambda: offload(found)),
        Check("Pool", "perf_connections", lambda: pool(found)),
        Check("Connections", "perf_connections", server_connections),
        Check("Transactions", "perf_connections", transactions),
        Check("Disk", "perf_connections", lambda: disk(found)),
        Check("Memory", "perf_tables", memory),
        Check("Vacuum", "perf_tables", dead_rows),
        Check("Foreign keys", "perf_indexes", foreign_keys),
        Check("Duplicate indexes", "perf_indexes", duplicate_indexes),
        Check("Broken indexes", "perf_indexes", broken_indexes),
        Check("Replication", "perf_replication", replicas),
    ]


def slowest_route(found: Samples) -> Verdict:
    """Compare the route that is closest to its budget, or furthest beyond it."""
    measured = [one for one in latency.routes(found) if one.is_measured and one.fill is not None]
    if not measured:
        return unknown("Slowest route: no route with a budget was asked for often enough yet.")
    worst = max(measured, key=lambda one: one.fill or 0)
    beyond = [one for one in measured if (one.fill or 0) > 1]
    said = (
        f"Slowest route: {worst.route} p95 {figures.ms(worst.p95_ms)} of "
        f"{figures.ms(worst.limit_ms)}."
    )
    if len(beyond) > 1:
        said += f" {len(beyond)} routes are beyond their budgets."
    return good_if(not beyond, said, worst.fill)


def errors(found: Samples) -> Verdict:
    """Compare the answers that were faults with all."""
    used = latency.routes(found)
    count = sum(one.latency.count for one in used)
    if not count:
        return unknown("Errors: nothing was answered yet.")
    failed = sum(one.errors for one in used)
    ratio = failed / count
    said = (
        f"Errors: {figures.number(failed)} of {figures.number(count)} answers were 500 or above, "
        f"{figures.percent(limits.ERROR_RATIO)} allowed."
    )
    return good_if(ratio <= limits.ERROR_RATIO, said, ratio / limits.ERROR_RATIO)


def slowest_kind(found: Samples) -> Verdict:
    """Compare the kind of statement that is closest to its limit."""
    limited_kinds = [
        one
        for one in latency.kinds(found)
        if one.fill is not None and one.times.count >= limits.MEASUREMENTS
    ]
    if not limited_kinds:
        return unknown("Statements: none was measured yet.")
    worst = max(limited_kinds, key=lambda one: one.fill or 0)
    said = (
        f"Statements: {worst.kind} ones p95 {figures.ms(worst.p95_ms)} of "
        f"{figures.ms(worst.limit_ms)}."
    )
    return good_if((worst.fill or 0) <= 1, said, worst.fill)


def slowest_query() -> Verdict:
    """Compare the statement with the greatest mean with what counts as slow."""
    slowest = statements.slowest_statement(at_least_calls=CALLS)
    if slowest is None:
        return unknown(f"Slowest query: none was called {CALLS} times yet.")
    limit_ms = slow_ms()
    said = (
        f"Slowest query: {figures.ms(slowest.mean_ms)} on average, in "
        f"{figures.number(slowest.calls)} calls, of {figures.ms(limit_ms)}."
    )
    return good_if(slowest.mean_ms <= limit_ms, said, slowest.mean_ms / limit_ms)


def slow_queries() -> Verdict:
    """Tell what was recorded as slow in the last day."""
    with limited():
        recent = SlowQuery.objects.filter(last_seen__gte=timezone.now() - timedelta(days=1))
        found = list(recent.only("route", "worst_ms").order_by("-last_seen", "-id")[:COUNTED])
    if not found:
        return good_if(True, "Slow queries: none in the last day.")
    count = f"{COUNTED} or more" if len(found) == COUNTED else str(len(found))
    worst = max(found, key=lambda one: one.worst_ms)
    return good_if(
        False,
        f"Slow queries: {count} in the last day, up to {figures.ms(worst.worst_ms)} on "
        f"{worst.route}, 0 wanted.",
    )


def offload(found: Samples) -> Verdict:
    """Compare the database time that the cache avoids with what is wanted."""
    saved = caching.offload(found)
    asked = sum(one.requests for one in caching.policies(found))
    if saved.ratio is None or asked < limits.MEASUREMENTS:
        return unknown("Cache: too little was asked for to tell what it saves.")
    said = (
        f"Cache: {figures.percent(saved.ratio)} of database time avoided, "
        f"{figures.percent(limits.WANTED_OFFLOAD)} wanted."
    )
    return good_if(saved.ratio >= limits.WANTED_OFFLOAD, said, saved.ratio)


def pool(found: Samples) -> Verdict:
    """Tell how full the pools are and whether anybody waits."""
    used = pooling.pools(found)
    if not used:
        return unknown("Pool: no process has opened one yet.")
    worst = max(used, key=lambda one: (one.waiting, one.fill or 0))
    waiting = f"{worst.waiting:.0f} waiting" if worst.waiting else "nobody waiting"
    said = f"Pool: {worst.in_use:.0f} of {worst.most:.0f} in use, {waiting}."
    if worst.timeouts:
        said += f" {figures.number(worst.timeouts)} requests got no connection since the start."
    return good_if(not worst.waiting and not worst.timeouts, said, worst.fill)


def server_connections() -> Verdict:
    """Compare PostgreSQL's connections with its limit."""
    found = connections.limits()
    said = f"Connections: {found.used} of {found.usable} that PostgreSQL allows."
    fill = found.used / found.usable
    return good_if(fill <= limits.CONNECTIONS_FILL, said, fill)


def transactions() -> Verdict:
    """Compare the oldest transaction of another session with how long one may take."""
    groups = connections.sessions()
    waiting = sum(one.waiting for one in groups)
    oldest = max(groups, key=lambda one: one.transaction_s or 0, default=None)
    limit = figures.seconds(limits.TRANSACTION_S)
    locks = f"{waiting} waiting for locks" if waiting else "nobody waits for a lock"
    if oldest is None or oldest.transaction_s is None:
        return good_if(not waiting, f"Oldest transaction: none is open, {locks}.")
    fill = oldest.transaction_s / limits.TRANSACTION_S
    said = (
        f"Oldest transaction: {figures.seconds(oldest.transaction_s)} of {limit}, by "
        f"{oldest.role} ({oldest.state or 'state hidden'}), {locks}."
    )
    return good_if(fill <= 1, said, fill)


def disk(found: Samples) -> Verdict:
    """Compare the file system with least free space with the floor of uploads."""
    free = found.sums("morpheus_disk_free_bytes", "folder")
    if not free:
        return unknown("Disk: no process has looked at it yet.")
    (folder,), least = min(free.items(), key=lambda one: one[1])
    floor = settings.MORPHEUS_FREE_SPACE_BYTES
    said = (
        f"Disk: {figures.size(least)} are free for {folder}; uploads are refused below "
        f"{figures.size(floor)}."
    )
    return good_if(least >= 2 * floor, said, 2 * floor / least if least else 1.0)


def memory() -> Verdict:
    """Tell how much of what is read PostgreSQL finds in its memory."""
    found = tables.database()
    ratio = found.hit_ratio
    if ratio is None:
        return unknown("Memory: nothing was read yet.")
    said = (
        f"Memory: {figures.percent(ratio)} of pages were found in PostgreSQL's own, "
        f"{figures.percent(limits.WANTED_HIT_RATIO)} wanted."
    )
    return good_if(ratio >= limits.WANTED_HIT_RATIO, said, ratio)


def dead_rows() -> Verdict:
    """Compare the table with most dead rows with when a vacuum is due."""
    worst = tables.deadest_table(at_least=limits.DEAD_ROWS)
    if worst is None:
        few = figures.number(limits.DEAD_ROWS)
        return good_if(True, f"Dead rows: no table has {few} of them.")
    said = (
        f"Dead rows: {worst.table} has {figures.percent(worst.ratio)} of them, "
        f"{figures.percent(limits.DEAD_RATIO)} allowed."
    )
    fill = worst.ratio / limits.DEAD_RATIO
    return good_if(fill <= 1, said, fill)


def foreign_keys() -> Verdict:
    """Compare the largest table that a deletion would read whole for want of an index."""
    with limited():
        found = indexes.unindexed_foreign_keys()
    if not found:
        return good_if(True, "Foreign keys: all have an index.")
    worst = max(found, key=lambda one: one.rows)
    said = (
        f"Foreign keys: without an index a deletion reads {figures.number(max(0, worst.rows))} "
        f"rows of {worst.table} ({', '.join(worst.columns)}), "
        f"{figures.number(limits.UNINDEXED_ROWS)} allowed."
    )
    fill = max(0, worst.rows) / limits.UNINDEXED_ROWS
    return good_if(fill <= 1, said, fill)


def duplicate_indexes() -> Verdict:
    """Compare the size of indexes whose work others do with what may be wasted."""
    with limited():
        found = indexes.duplicates()
    if not found:
        return good_if(True, "Duplicate indexes: there is none.")
    size = sum(one.size_bytes for one in found)
    said = (
        f"Duplicate indexes: {len(found)}, {figures.size(size)} together, "
        f"{figures.size(limits.DUPLICATE_BYTES)} allowed."
    )
    return good_if(size <= limits.DUPLICATE_BYTES, said, size / limits.DUPLICATE_BYTES)


def broken_indexes() -> Verdict:
    """Tell whether an interrupted build has left an index that only costs."""
    broken = tables.broken_indexes()
    if not broken:
        return good_if(True, "Broken indexes: there is none.")
    said = f"Broken indexes: {len(broken)}, {broken[0]} first; drop it and build it anew."
    return good_if(False, said)


def replicas() -> Verdict:
    """Compare the lag of the replica furthest behind with what readers bear."""
    found = replication.replicas()
    is_wanted = REPLICA in settings.DATABASES
    if not found:
        if is_wanted:
            return good_if(False, "Replication: a replica is configured, and none follows.")
        return good_if(True, "Replication: no replica is configured, and none follows.")
    worst = max(found, key=lambda one: one.lag_s or 0)
    if any(one.state is None for one in found):
        return unknown(
            f"Replication: {len(found)} follow; how far is hidden: run `manage.py services roles`."
        )
    lag_s = worst.lag_s or 0.0
    said = (
        f"Replication: {worst.name} is {figures.seconds(lag_s)} behind "
        f"({figures.size(worst.lag_bytes)}), {figures.seconds(limits.REPLICA_LAG_S)} allowed."
    )
    return good_if(lag_s <= limits.REPLICA_LAG_S, said, lag_s / limits.REPLICA_LAG_S)
