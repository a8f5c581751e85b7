"""What goes wrong during a run: each fault is made, lasts, and is over."""

from __future__ import annotations

import os
import signal
import time
from collections.abc import Callable
from contextlib import suppress
from random import Random

import redis
from redis.backoff import NoBackoff
from redis.retry import Retry

from morpheus.embedded.guard_client import read_record
from morpheus.embedded.paths import find_paths
from morpheus.embedded.supervisor import EmbeddedServices

from .servers import Servers

# Enough for a few tags: the others are evicted again and again.
TINY_BYTES = 3 * 1024 * 1024
READY_TIMEOUT_S = 60.0
# Everything works again for so long before the next fault; after one of the database longer: the
# guard starts a server that ends again and again ever more slowly.
REST_S = 2.0
DATABASE_REST_S = 8.0


# Methods of `Faults`; `server-dies` is made by the servers themselves (`sabotage`).
NAMES = (
    "server-dies",
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
    """Makes faults in turn, each by its name, with servers and services of one's own."""

    def __init__(self, services: EmbeddedServices, servers: Servers, seed: int) -> None:
        self._services, self._servers = services, servers
        self._chance = Random(seed)  # noqa: S311 - to be repeatable
        self._snapshot = find_paths(services.var).valkey_data / "dump.rdb"
        self.by_name: dict[str, Callable[[], None]] = {
            name: getattr(self, name.replace("-", "_")) for name in NAMES
        }

    def make(self, name: str) -> None:
        """Make a fault, and wait until everything has answered again for a moment."""
        self.by_name[name]()
        self._servers.revive()
        self._wait_for_services()
        self._servers.wait_until_ready()
        time.sleep(DATABASE_REST_S if name.startswith("database") else REST_S)

    def server_dies(self) -> None:
        """Wait for servers that end themselves between a commit and its invalidation."""
        time.sleep(0.1)

    def server_killed(self) -> None:
        self._servers.kill(self._chance.randrange(len(self._servers.ports)))

    def cache_stalled(self) -> None:
        """Stop the cache for shorter and longer than anyone waits for it."""
        pid = self._pid("valkey")
        os.kill(pid, signal.SIGSTOP)
        try:
            time.sleep(self._chance.uniform(0.3, 3.0))
        finally:
            os.kill(pid, signal.SIGCONT)

    def cache_emptied(self) -> None:
        self._snapshot.unlink(missing_ok=True)
        os.kill(self._pid("valkey"), signal.SIGKILL)

    def cache_reverted(self) -> None:
        """Bring the cache back with what it held a while ago."""
        self._cache().save()
        time.sleep(REST_S)
        os.kill(self._pid("valkey"), signal.SIGKILL)

    def cache_flushed(self) -> None:
        self._cache().flushall()

    def cache_too_small(self) -> None:
        cache = self._cache()
        before = str(cache.config_get("maxmemory")["maxmemory"])
        cache.config_set("maxmemory", TINY_BYTES)
        time.sleep(REST_S)
        cache.config_set("maxmemory", before)

    def database_restarted(self) -> None:
        os.kill(self._pid("postgres"), signal.SIGINT)

    def database_killed(self) -> None:
        """End PostgreSQL in the midst of it all: it recovers from its log."""
        os.kill(self._pid("postgres"), signal.SIGQUIT)

    def _pid(self, service: str) -> int:
        return int(read_record(self._services.var)["services"][service])

    def _cache(self) -> redis.Redis:
        url = self._services.addresses.redis_url(0)
        return redis.Redis.from_url(url, socket_timeout=10, retry=Retry(NoBackoff(), 0))

    def _wait_for_services(self) -> None:
        """Wait until the guard has started again what was killed, and that it answers."""
        deadline = time.monotonic() + READY_TIMEOUT_S
        while time.monotonic() < deadline:
            time.sleep(0.2)
            with suppress(OSError, redis.RedisError):
                if all(status.is_up for status in self._services.status()):
                    return
        raise TimeoutError("The services do not come back.")
