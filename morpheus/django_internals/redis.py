"""Private parts of redis-py."""

from __future__ import annotations

import socket
import struct
import threading
import time
from collections.abc import Sequence
from typing import Any, NamedTuple
from urllib.parse import urlsplit

from redis import Redis
from redis.backoff import NoBackoff
from redis.connection import ConnectionPool
from redis.exceptions import RedisError
from redis.retry import Retry

# A process uses a master for so long after the sentinels named it.
LEASE_S = 1.0


class Master(NamedTuple):
    """A master that sentinels named.

    Attributes:
        epoch: The number of its failover. A server that becomes the master again has another one.
    """

    host: str
    port: int
    epoch: int


class SentinelGroup:
    """The sentinels of a service.

    The connections of all threads to them are shared, and one thread asks at a time.

    Args:
        sentinels: Host and port of each.
        service: The name that the sentinels have for the master.
        timeout_s: Timeout of each wait.
    """

    def __init__(
        self, sentinels: Sequence[tuple[str, int]], service: str, timeout_s: float
    ) -> None:
        self._service = service
        self._timeout_s = timeout_s
        # Those that failed come last.
        self._sentinels = [
            Redis(
                host,
                port,
                socket_timeout=timeout_s,
                socket_connect_timeout=timeout_s,
                protocol=2,
                # By default, redis-py tries for seconds.
                retry=Retry(NoBackoff(), 0),
            )
            for host, port in sentinels
        ]
        self._lock = threading.Lock()
        self._master: Master | None = None
        self._named_at = self._expired_at = float("-inf")

    def expire(self) -> None:
        """Let the next call of `find_master` ask the sentinels."""
        self._expired_at = time.monotonic()

    def find_master(self) -> Master:
        """Return the master that most sentinels named within the last `LEASE_S`.

        Raises:
            redis.exceptions.RedisError, OSError: Too few sentinels respond, or the master is down.
        """
        master = self._valid_master()
        if master is not None:
            return master
        # A thread does not wait for the timeouts of all others.
        if not self._lock.acquire(timeout=self._timeout_s):
            raise TimeoutError("The sentinels do not respond in time.")
        try:
            master = self._valid_master()
            if master is None:
                asked_at = time.monotonic()
                master = self._master = self._ask()
                self._named_at = asked_at
            return master
        finally:
            self._lock.release()

    def _valid_master(self) -> Master | None:
        valid_since = max(self._expired_at, time.monotonic() - LEASE_S)
        return self._master if self._named_at > valid_since else None

    def _ask(self) -> Master:
        """Ask a majority, because a failover needs one; return the state of the latest epoch."""
        states: list[dict[str, Any]] = []
        for sentinel in list(self._sentinels):
            try:
                state: Any = sentinel.sentinel_master(self._service, return_responses=True)
                states.append(state)
            except RedisError:
                self._sentinels.remove(sentinel)
                self._sentinels.append(sentinel)
            if 2 * len(states) > len(self._sentinels):
                break
        else:
            raise RedisError("Most sentinels do not respond.")
        state = max(states, key=lambda state: int(state["config-epoch"]))
        if state["is_sdown"] or state["is_odown"]:
            raise RedisError("The master is down, and the sentinels have not named another one.")
        return Master(state["ip"], state["port"], state["config-epoch"])


class ServerAddress:
    """A server and its logical database, as a URL names them.

    Args:
        url: In any form of redis-py: `redis://`, `rediss://` or `unix://`, with its options.
        timeout_s: Timeout of connecting, and of each wait for the server.
        sentinels: Host and port of each sentinel. With any, the URL's host is their service.

    Attributes:
        sentinels: The group that names the server, None if the URL does.
    """

    def __init__(
        self, url: str, timeout_s: float, sentinels: Sequence[tuple[str, int]] = ()
    ) -> None:
        self._timeout_s = timeout_s
        self._pool = ConnectionPool.from_url(  # Only parses the URL.
            url,
            socket_timeout=timeout_s,
            socket_connect_timeout=timeout_s,
            protocol=2,
            retry_on_error=[],
            retry=None,
        )
        service = urlsplit(url).hostname or ""
        self.sentinels = SentinelGroup(sentinels, service, timeout_s) if sentinels else None

    def connect(self, master: Master | None = None) -> socket.socket:
        """Return a socket that is authenticated and has the database selected.

        redis-py opens it, because it knows all options of the URL. It has no public way to its
        socket, on which a command costs half as much as by its own connection.

        Raises:
            redis.exceptions.RedisError, OSError: The server is unreachable or refuses.
        """
        # Not `make_connection`: the pool would count it and refuse the hundredth.
        server = {"host": master.host, "port": master.port} if master else {}
        connection: Any = self._pool.connection_class(**self._pool.connection_kwargs | server)
        connection.connect()
        opened: socket.socket = connection._sock
        # The connection would close its socket when it is collected.
        connection._sock = None
        # Timeouts of the kernel: with Python's, each call would poll the socket first.
        seconds, fraction = divmod(self._timeout_s, 1)
        limit = struct.pack("@ll", int(seconds), int(fraction * 1_000_000))
        opened.settimeout(None)
        opened.setsockopt(socket.SOL_SOCKET, socket.SO_RCVTIMEO, limit)
        opened.setsockopt(socket.SOL_SOCKET, socket.SO_SNDTIMEO, limit)
        return opened
