"""A long run: injects faults in turn, and samples what must not grow."""

from __future__ import annotations

import csv
import os
import time
from collections.abc import Iterator
from contextlib import suppress
from itertools import cycle
from pathlib import Path

import psutil
import psycopg
import redis

from morpheus.embedded.paths import find_paths
from morpheus.embedded.supervisor import EmbeddedServices
from perf.lab.consistency.faults import Faults
from perf.lab.harness.measurements import process_tree
from perf.lab.load.flatness import Figure
from perf.lab.load.locust_runs import LoadRun

SAMPLE_S = 5.0
FAULTS = ("cache-stalled", "database-restarted", "cache-emptied", "worker-killed")
# The write-ahead log grows to `max_wal_size` before its files are used again.
UNCOUNTED = {"pg_wal", "reports"}
_CONNECTIONS = "SELECT count(*) FROM pg_stat_activity WHERE backend_type = 'client backend'"
_MIB = 2**20


def read_history(history: Path) -> list[dict[str, str]]:
    """Return the rows of locust's table over time; none before it exists."""
    if not history.exists():
        return []
    with history.open(newline="") as rows:
        return [*csv.DictReader(rows)]


class Soak:
    """Watches the processes of a run; its `step` is called again and again.

    Attributes:
        figures: By name.
        faults: Seconds since the beginning, and the name of each fault.
    """

    def __init__(self, services: EmbeddedServices, run: LoadRun, between_faults_s: float) -> None:
        self._services, self._run, self._between_s = services, run, between_faults_s
        self._injector, self._turns = Faults(services, run.servers), cycle(FAULTS)
        self._began_at, self._sample_at, self._fault_at = 0.0, 0.0, between_faults_s
        self.figures: dict[str, Figure] = {}
        self.faults: list[tuple[float, str]] = []

    def step(self, elapsed_s: float) -> None:
        """Take a sample or inject a fault if it is due."""
        self._began_at = self._began_at or time.time() - elapsed_s
        if elapsed_s >= self._fault_at:
            name = next(self._turns)
            self.faults.append((elapsed_s, name))
            if name == "worker-killed":
                self._run.worker.replace()
            else:
                self._injector.inject(name)
            self._fault_at = elapsed_s + self._between_s
        elif elapsed_s >= self._sample_at:
            # A server that has just been killed is not sampled.
            with suppress(OSError, psutil.Error, psycopg.Error, redis.RedisError):
                for sample in [*self._take_sample()]:
                    self._add(elapsed_s, *sample)
            self._sample_at = elapsed_s + SAMPLE_S

    def add_latency(self, history: Path) -> None:
        """Add the p95 of the last ten seconds at each moment, from locust's table."""
        for row in read_history(history):
            at_s = float(row["Timestamp"]) - self._began_at
            if row["95%"] != "N/A" and at_s >= 0:
                self._add(at_s, "p95 of all requests", float(row["95%"]), "ms", 20)

    def _add(self, at_s: float, name: str, value: float, unit: str, slack: float) -> None:
        figure = self.figures.setdefault(name, Figure(name, unit, slack))
        figure.points.append((at_s, value))

    def _take_sample(self) -> Iterator[tuple[str, float, str, float]]:
        """Yield names, values, units and slacks."""
        pids = {"server": self._run.servers.pids[0], "worker": self._run.worker.pid}
        pids |= {each.name: each.pid for each in self._services.status() if each.pid}
        for name, pid in pids.items():
            tree = process_tree(pid)
            # Proportional: PostgreSQL's processes share most of their memory.
            memory = sum(process.memory_full_info().pss for process in tree)
            files = sum(process.num_fds() for process in tree)
            yield f"memory of {name}", memory / _MIB, "MiB", 16
            yield f"file descriptors of {name}", files, "", 16
        addresses = self._services.addresses
        with psycopg.connect(addresses.database_url("postgres", "postgres")) as connection:
            [count] = connection.execute(_CONNECTIONS).fetchone() or [0]
        yield "connections of PostgreSQL", count, "", 4
        with redis.Redis.from_url(addresses.redis_url(0), socket_timeout=5) as cache:
            yield "connections of the cache", cache.info("clients")["connected_clients"], "", 4
        yield "disk", self._measure_disk() / _MIB, "MiB", 64

    def _measure_disk(self) -> int:
        """Return the bytes of all data but those that are not counted."""
        paths, size = find_paths(self._services.var), 0
        for root in {paths.var, paths.root_state or paths.var}:
            for folder, folders, files in os.walk(root):
                folders[:] = [name for name in folders if name not in UNCOUNTED]
                for name in files:
                    with suppress(FileNotFoundError):
                        size += os.lstat(os.path.join(folder, name)).st_size
        return size
