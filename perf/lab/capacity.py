"""What a request costs each process, and what a row and a cached value occupy.

CPU time, which other processes on the machine hardly change.
"""

from __future__ import annotations

from dataclasses import dataclass

from django.conf import settings
from django.core.cache import caches
from django.db import connection

from morpheus.embedded.guard_client import read_record
from morpheus.embedded.roles import APP
from perf.lab.harness.measurements import cpu_seconds, resident_bytes
from perf.lab.offload.measure import run_mix, send

# Tables with rows, the largest first: rows, bytes of one with TOAST, bytes of its index entries.
_TABLES = """
SELECT
    c.relname,
    c.reltuples::bigint,
    pg_table_size(c.oid) / c.reltuples,
    pg_indexes_size(c.oid) / c.reltuples
FROM pg_class c
JOIN pg_namespace n ON n.oid = c.relnamespace
WHERE c.relkind = 'r' AND n.nspname = 'public' AND c.reltuples >= %s
ORDER BY pg_total_relation_size(c.oid) DESC
"""
# In a smaller table, whole pages of 8 kB hide the size of a row.
_MIN_ROWS = 100
_CONNECTIONS = """
SELECT count(*) FROM pg_stat_activity WHERE datname = %s AND usename = %s
"""


@dataclass(frozen=True)
class TableSize:
    """The sizes are of one row, in bytes."""

    name: str
    rows: int
    row_bytes: float
    index_bytes: float


@dataclass(frozen=True)
class RequestCost:
    """One server process under the mix.

    Attributes:
        cpu_ms: CPU time for each request, by service.
        resident_mb: Memory of the server process after the requests.
        connections: Of the server process to PostgreSQL.
        cached_values: Keys in the cache server that the requests left.
        cached_bytes: Memory that each of them takes.
    """

    requests: int
    failures: list[str]
    cpu_ms: dict[str, float]
    resident_mb: float
    connections: int
    cached_values: int
    cached_bytes: float


def read_table_sizes() -> list[TableSize]:
    """Return the sizes of all tables but small ones, as of the last ANALYZE."""
    with connection.cursor() as cursor:
        cursor.execute(_TABLES, [_MIN_ROWS])
        return [
            TableSize(name, rows, float(row), float(index))
            for name, rows, row, index in cursor.fetchall()
        ]


def measure_requests(
    admin_url: str, *, has_cache: bool, requests: int, warm_up: int, seed: int
) -> RequestCost:
    """Send the mix of `bench_offload` to one server process on a copy of the database."""
    pids = read_record(settings.MORPHEUS_VAR)["services"]
    empty = _cache_memory()
    with run_mix(admin_url, has_cache=has_cache, seed=seed, servers=1) as run:
        [server] = run.servers.pids
        run.warm_up(seed=seed + 1, count=warm_up)
        services = {"web": server, "PostgreSQL": pids["postgres"], "cache server": pids["valkey"]}
        sent = run.draw(seed=seed, count=requests)
        before = {name: cpu_seconds(pid) for name, pid in services.items()}
        failures = send(run.servers.ports, sent).failures
        cpu_s = {name: cpu_seconds(pid) - before[name] for name, pid in services.items()}
        [connections] = run.database.execute(_CONNECTIONS, [run.name, APP]).fetchone() or [0]
        values = caches["values"].client.get_client().dbsize()  # type: ignore[attr-defined]
        return RequestCost(
            requests=requests,
            failures=failures,
            cpu_ms={name: 1000 * seconds / requests for name, seconds in cpu_s.items()},
            resident_mb=resident_bytes(server) / 1_000_000,
            connections=connections,
            cached_values=values,
            cached_bytes=max(_cache_memory() - empty, 0) / max(values, 1),
        )


def _cache_memory() -> int:
    client = caches["values"].client.get_client()  # type: ignore[attr-defined]
    return int(client.info("memory")["used_memory_dataset"])
