"""A Redis client with one connection per thread and one round trip per call.

Not redis-py's own client: its pool's checks cost more than the commands.
"""

from __future__ import annotations

import threading
from collections.abc import Callable, Sequence
from typing import Any

from redis.connection import ConnectionInterface, ConnectionPool
from redis.exceptions import ConnectionError as Disconnected
from redis.exceptions import NoScriptError, RedisError, TimeoutError

from morpheus.cache.circuit_breaker import CircuitBreaker, server_breaker
from morpheus.cache.scripts import Script

# Part of every key. Raise it when the format of keys or values changes.
FORMAT = 2

Command = tuple[Any, ...]


class RedisUnavailable(Exception):
    """Redis does not respond, or refuses a command."""


class RedisClient:
    """Runs commands under a key prefix that contains the server's `run_id`.

    Because of the prefix, values from before a restart or from another server are never read.

    Args:
        url: The server and its logical database.
        timeout_s: Timeout of a command, and of connecting.
        breaker: The server's circuit breaker.
    """

    def __init__(
        self, url: str, *, timeout_s: float = 0.25, breaker: CircuitBreaker = server_breaker
    ) -> None:
        self.breaker = breaker
        self._pool = ConnectionPool.from_url(  # Only parses the URL.
            url,
            socket_timeout=timeout_s,
            socket_connect_timeout=timeout_s,
            protocol=2,
            retry_on_error=[],
            retry=None,
        )
        self._local = threading.local()

    def run(self, build: Callable[[str], Sequence[Command]]) -> list[Any]:
        """Send the commands that `build` returns for a key prefix; return their replies.

        Raises:
            RedisUnavailable: No reply in time, the breaker is open, or Redis refused a command.
        """
        if not self.breaker.allows():
            raise RedisUnavailable("The circuit breaker is open.")
        try:
            replies = self._run(build)
        except NoScriptError:
            self.breaker.record_success()
            raise
        except (RedisError, OSError) as error:
            self.close()
            self.breaker.record_failure()
            raise RedisUnavailable(str(error)) from error
        self.breaker.record_success()
        return replies

    def run_script(self, script: Script, keys: Sequence[str], *arguments: Any) -> Any:
        """Run a script on keys, which get the prefix; return its reply.

        Raises:
            RedisUnavailable: As `run`.
        """
        try:
            return self._evaluate("EVALSHA", script.digest, keys, arguments)
        except NoScriptError:
            return self._evaluate("EVAL", script.text, keys, arguments)

    def close(self) -> None:
        """Close this thread's connection."""
        current = getattr(self._local, "connection", None)
        self._local.connection = None
        if current is not None:
            current[0].disconnect()

    def _evaluate(self, command: str, text: str, keys: Sequence[str], arguments: Command) -> Any:
        def build(prefix: str) -> list[Command]:
            full_keys = [prefix + key for key in keys]
            return [(command, text, len(keys), *full_keys, f"{prefix}t:", *arguments)]

        return self.run(build)[0]

    def _run(self, build: Callable[[str], Sequence[Command]]) -> list[Any]:
        current: tuple[ConnectionInterface, str] | None = getattr(self._local, "connection", None)
        if current is not None:
            try:
                return _exchange(current[0], build(current[1]))
            except TimeoutError:
                raise
            except (Disconnected, OSError):
                # The server closed an idle connection. All commands are safe to send again; a
                # throttle may count a request twice.
                self.close()
        connection, prefix = self._local.connection = self._connect()
        return _exchange(connection, build(prefix))

    def _connect(self) -> tuple[ConnectionInterface, str]:
        # Not `make_connection`: the pool would count it and refuse the hundredth.
        connection: Any = self._pool.connection_class(**self._pool.connection_kwargs)
        connection.connect()
        [information] = _exchange(connection, [("INFO", "server")])
        fields = dict(
            line.split(":", 1) for line in information.decode().splitlines() if ":" in line
        )
        return connection, f"m{FORMAT}:{fields['run_id'][:12]}:"


def _exchange(connection: Any, commands: Sequence[Command]) -> list[Any]:
    connection.send_packed_command(connection.pack_commands(commands), check_health=False)
    replies: list[Any] = []
    refusal: RedisError | None = None
    for _ in commands:
        try:
            replies.append(connection.read_response())
        except (Disconnected, TimeoutError):
            raise
        except RedisError as error:  # Read the other replies, or the next command would get them.
            refusal = error
    if refusal is not None:
        raise refusal
    return replies
