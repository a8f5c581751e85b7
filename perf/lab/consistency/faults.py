"""Faults that are injected during a run: each begins, lasts and ends."""

from __future__ import annotations

import os
import signal
import time
from contextlib import suppress
from random import Random

import redis
from redis.backoff import NoBackoff
from redis.retry import Retry

from morpheus.embedded.paths import find_paths
from morpheus.embedded.supervisor import EmbeddedServices
from perf.lab.harness.servers import Servers

# Enough for a few tags: the others are evicted again and again.
TINY_BYTES = 3 * 1024 * 1024
READY_TIMEOUT_S = 60.0
# Everything works for so long before the next fault. After one of the database longer: the guard
# restarts a server that ends repeatedly ever more slowly.
REST_S = 2.0
DATABASE_REST_S = 8.0

# Methods of `Faults`. Servers inject `server-crashed` themselves (`sabotage`).
NAMES = (
    "server-crashed",
    "server-killed",
    "cache-stalled",
    "cache-emptied",
    "cache-reverted",
    "cache-flushed",
    "cache-too-small",
    "database-restarted",
    "database-killed",
)


class Faults:
    """Injects faults into servers and services of a tool's own."""

    def __init__(self, services: EmbeddedServices, servers: Servers) -> None:
        self._services, self._servers = services, servers
        self._random = Random(1)  # noqa: S311 - to be repeatable
        self._snapshot = find_paths(services.var).valkey_data / "dump.rdb"

    def inject(self, name: str) -> None:
        """Inject a fault, and wait until everything has worked again for a moment."""
        getattr(self, name.replace("-", "_"))()
        self._servers.revive()
        self._wait_for_services()
        self._servers.wait_until_ready()
        time.sleep(DATABASE_REST_S if name.startswith("database") else REST_S)

    def server_crashed(self) -> None:
        """Wait for servers that kill themselves between a commit and its invalidation."""
        time.sleep(0.1)

    def server_killed(self) -> None:
        self._servers.kill(self._random.randrange(len(self._servers.ports)))

    def cache_stalled(self) -> None:
        """Stop the cache for shorter and for longer than any timeout."""
        pid = self._pid_of("valkey")
        os.kill(pid, signal.SIGSTOP)
        try:
            time.sleep(self._random.uniform(0.3, 3.0))
        finally:
            os.kill(pid, signal.SIGCONT)

    def cache_emptied(self) -> None:
        self._snapshot.unlink(missing_ok=True)
        os.kill(self._pid_of("valkey"), signal.SIGKILL)

    def cache_reverted(self) -> None:
        """Restart the cache with a snapshot that is a few seconds old."""
        self._connect_cache().save()
        time.sleep(REST_S)
        os.kill(self._pid_of("valkey"), signal.SIGKILL)

    def cache_flushed(self) -> None:
        self._connect_cache().flushall()

    def cache_too_small(self) -> None:
        cache = self._connect_cache()
        before = str(cache.config_get("maxmemory")["maxmemory"])
        cache.config_set("maxmemory", TINY_BYTES)
        time.sleep(REST_S)
        cache.config_set("maxmemory", before)

    def database_restarted(self) -> None:
        os.kill(self._pid_of("postgres"), signal.SIGINT)

    def database_killed(self) -> None:
        """End PostgreSQL without a shutdown: it recovers from its log."""
        os.kill(self._pid_of("postgres"), signal.SIGQUIT)

    def _pid_of(self, service: str) -> int:
        [pid] = [each.pid for each in self._services.status() if each.name == service and each.pid]
        return pid

    def _connect_cache(self) -> redis.Redis:
        url = self._services.addresses.redis_url(0)
        return redis.Redis.from_url(url, socket_timeout=10, retry=Retry(NoBackoff(), 0))

    def _wait_for_services(self) -> None:
        """Wait until the guard has restarted the killed services and they respond."""
        deadline = time.monotonic() + READY_TIMEOUT_S
        while time.monotonic() < deadline:
            time.sleep(0.2)
            with suppress(OSError, redis.RedisError):
                if all(status.is_up for status in self._services.status()):
                    return
        raise TimeoutError("The services do not come back.")
