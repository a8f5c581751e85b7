"""A Redis client with one connection per thread and one round trip per call.

Not redis-py's own client: its pool's checks and its layers cost more than the commands.
"""

from __future__ import annotations

import threading
import time
from collections.abc import Callable, Sequence
from typing import Any

from django.conf import settings
from hiredis import HiredisError, Reader, ReplyError, pack_command
from prometheus_client import Counter
from redis.exceptions import RedisError

from morpheus.cache.scripts import Script
from morpheus.django_internals.redis import Master, ServerAddress

# Part of every key. Raise it when the format of keys or values changes.
FORMAT = 2

_CHUNK_BYTES = 64 * 1024

Command = tuple[Any, ...]

# After a failure, a process does not call Redis for so long.
COOL_DOWN_S = 0.5

_failures = Counter(
    "morpheus_cache_failures_total", "Calls of Redis that failed or that Redis refused."
)


class CircuitBreaker:
    """Closed until a call fails, then open for the cool-down, then half-open: one call at a time.

    Args:
        cool_down_s: Seconds between a failure and the next attempt.
    """

    def __init__(self, *, cool_down_s: float) -> None:
        self.cool_down_s = cool_down_s
        self.failures = 0
        self._lock = threading.Lock()
        # time.monotonic() of the next attempt; None while closed.
        self._attempt_at: float | None = None

    @property
    def is_open(self) -> bool:
        """Whether the last attempt failed."""
        return self._attempt_at is not None

    def allows(self) -> bool:
        """Return whether to call the server now; the caller then records the outcome."""
        if self._attempt_at is None:
            return True
        with self._lock:
            now = time.monotonic()
            if self._attempt_at is not None and now < self._attempt_at:
                return False
            # An attempt that never ends does not block the next one for longer than a cool-down.
            self._attempt_at = now + self.cool_down_s
            return True

    def record_failure(self) -> None:
        """Open the breaker."""
        with self._lock:
            self.failures += 1
            _failures.inc()
            self._attempt_at = time.monotonic() + self.cool_down_s

    def record_success(self) -> None:
        """Close the breaker."""
        if self._attempt_at is not None:
            with self._lock:
                self._attempt_at = None


# This process' breaker: all its logical databases are on one server.
server_breaker = CircuitBreaker(cool_down_s=COOL_DOWN_S)


def pack(*command: Any) -> bytes:
    """Return a command in the protocol of Redis."""
    packed: bytes = pack_command(command)
    return packed


class RedisUnavailable(Exception):
    """Redis does not respond, or refuses a command."""


class RedisClient:
    """Runs commands under a key prefix that contains the server's `run_id`.

    Because of the prefix, values from before a restart or from another server are never read. With
    sentinels, the prefix also contains the number of the failover, and a connection to any server
    but the master is closed.
    Methods that send something raise RedisUnavailable if no reply comes in time, if the breaker is
    open, and if Redis refuses a command.

    Args:
        url: The server and its logical database.
        timeout_s: Timeout of each wait for the server, and of connecting.
        breaker: The server's circuit breaker.
        sentinels: Host and port of each sentinel. With any, the URL's host is their service.
    """

    def __init__(
        self,
        url: str,
        *,
        timeout_s: float = 0.25,
        breaker: CircuitBreaker = server_breaker,
        sentinels: Sequence[tuple[str, int]] = (),
    ) -> None:
        self.breaker = breaker
        self._address = ServerAddress(url, timeout_s, sentinels)
        self._local = threading.local()

    @classmethod
    def of_cache(cls, alias: str) -> RedisClient:
        """Return a client for the server of an entry of `CACHES`."""
        cache = settings.CACHES[alias]
        return cls(cache["LOCATION"], sentinels=cache["OPTIONS"].get("SENTINELS", ()))

    def run(self, build: Callable[[str], Sequence[Command]]) -> list[Any]:
        """Send the commands that `build` returns for a key prefix; return their replies."""

        def exchange(connection: _Connection) -> list[Any]:
            commands = build(connection.prefix)
            return connection.exchange(
                b"".join([pack(*command) for command in commands]), len(commands)
            )

        return self._call(exchange)  # type: ignore[no-any-return]

    def run_script(self, script: Script, keys: Sequence[str], *arguments: Any) -> Any:
        """Run a script on keys, which get the prefix; return its reply."""

        def exchange(connection: _Connection) -> Any:
            # Its first use on a connection makes the server know it.
            is_known = script.digest in connection.scripts
            connection.scripts.add(script.digest)
            command = ("EVALSHA", script.digest) if is_known else ("EVAL", script.text)
            prefix = connection.prefix
            full_keys = [prefix + key for key in keys]
            packed = pack(*command, len(keys), *full_keys, f"{prefix}t:", *arguments)
            return connection.exchange(packed, 1)[0]

        return self._call(exchange)

    def replies_with(self, prefix: str, command: bytes, reply: bytes) -> bool:
        """Send a packed command; return whether the server replies with exactly these bytes.

        For the hottest path: the reply of a hit needs no parsing.

        Args:
            prefix: The key prefix that the command was packed with. On a connection that has
                another one, nothing is sent and the result is False.
            reply: A whole reply.
        """
        return self._call(  # type: ignore[no-any-return]
            lambda connection: (
                connection.prefix == prefix and connection.replies_with(command, reply)
            )
        )

    @property
    def prefix(self) -> str:
        """The key prefix of this thread's connection; empty without a connection."""
        connection: _Connection | None = getattr(self._local, "connection", None)
        return connection.prefix if connection is not None else ""

    def confirm_master(self) -> None:
        """Let the next command ask the sentinels first, if there are any."""
        if self._address.sentinels:
            self._address.sentinels.expire()

    def close(self) -> None:
        """Close this thread's connection."""
        connection: _Connection | None = getattr(self._local, "connection", None)
        self._local.connection = None
        if connection is not None:
            connection.close()

    def _call(self, exchange: Callable[[_Connection], Any]) -> Any:
        if not self.breaker.allows():
            raise RedisUnavailable("The circuit breaker is open.")
        try:
            result = self._exchange(exchange)
        except (RedisError, HiredisError, OSError) as error:
            self.close()
            self.breaker.record_failure()
            raise RedisUnavailable(str(error)) from error
        self.breaker.record_success()
        return result

    def _exchange(self, exchange: Callable[[_Connection], Any]) -> Any:
        connection: _Connection | None = getattr(self._local, "connection", None)
        sentinels = self._address.sentinels
        master = sentinels.find_master() if sentinels else None
        if connection is not None and connection.master != master:
            self.close()
            connection = None
        if connection is not None:
            try:
                return exchange(connection)
            except TimeoutError:
                raise
            except OSError:
                # The server closed an idle connection. All commands are safe to send again; a
                # throttle may count a request twice.
                self.close()
        connection = self._local.connection = _Connection(self._address, master)
        return exchange(connection)


class _Connection:
    """A connection, and the key prefix of its server.

    After an error, it must be closed: replies may be missing.
    """

    def __init__(self, address: ServerAddress, master: Master | None) -> None:
        self.master = master
        self._socket = address.connect(master)
        self._reader = Reader()
        # Digests of the scripts that were sent.
        self.scripts: set[str] = set()
        try:
            [information] = self.exchange(pack("INFO", "server"), 1)
        except BaseException:
            self.close()
            raise
        fields = dict(
            line.split(":", 1) for line in information.decode().splitlines() if ":" in line
        )
        epoch = f".{master.epoch}" if master else ""
        self.prefix = f"m{FORMAT}:{fields['run_id'][:12]}{epoch}:"

    def exchange(self, packed: bytes, count: int) -> list[Any]:
        """Send packed commands; return their replies.

        Raises:
            OSError, HiredisError: A reply is missing.
            RedisError: The server refused a command.
        """
        self._socket.sendall(packed)
        # Read all replies before raising, or the next command would get the others.
        replies = [self._read() for _ in range(count)]
        for reply in replies:
            if isinstance(reply, ReplyError):
                raise RedisError(str(reply))
        return replies

    def replies_with(self, packed: bytes, expected: bytes) -> bool:
        """Send a packed command; return whether its reply is `expected`. Raises as `exchange`."""
        self._socket.sendall(packed)
        received = self._receive()
        while len(received) < len(expected) and expected.startswith(received):
            received += self._receive()
        if received == expected:
            return True
        self._reader.feed(received)
        reply = self._read()  # The rest, or the next command would get it.
        if isinstance(reply, ReplyError):
            raise RedisError(str(reply))
        return False

    def close(self) -> None:
        self._socket.close()

    def __del__(self) -> None:
        # Its thread has ended. Python warns of sockets that are not closed.
        if hasattr(self, "_socket"):
            self.close()

    def _read(self) -> Any:
        while (reply := self._reader.gets()) is False:
            self._reader.feed(self._receive())
        return reply

    def _receive(self) -> bytes:
        try:
            received = self._socket.recv(_CHUNK_BYTES)
        except BlockingIOError as error:  # The kernel's timeout.
            raise TimeoutError("No reply in time.") from error
        if not received:
            raise ConnectionResetError("The server closed the connection.")
        return received
