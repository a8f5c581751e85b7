"""The way to the Redis-compatible server: one kept connection per thread, one command at a time."""

from __future__ import annotations

import threading
from collections.abc import Callable, Sequence
from typing import Any

from redis.connection import ConnectionInterface, ConnectionPool
from redis.exceptions import ConnectionError as Disconnected
from redis.exceptions import NoScriptError, RedisError, TimeoutError

from morpheus.cache.circuit_breaker import CircuitBreaker
from morpheus.cache.scripts import Script

# Of what is kept under this: raised when keys or their contents change their form.
FORMAT = 2

Command = tuple[Any, ...]


class RedisUnavailable(Exception):
    """The server does not answer, or refuses what it is asked to do."""


class RedisClient:
    """Runs commands; each costs one round trip.

    Keys begin with a prefix that contains the server's `run_id`, so that what a server remembers
    from before its start, or was sent by another one, is never read.

    Args:
        url: Of the server and its logical database.
        timeout_s: What a command may take; connecting may take as long.
        breaker: Whom to ask before, and to tell after, each command.
    """

    def __init__(self, url: str, *, timeout_s: float, breaker: CircuitBreaker) -> None:
        self.breaker = breaker
        # Only for reading the URL: a pool's checks cost more than our commands.
        self._maker = ConnectionPool.from_url(
            url,
            socket_timeout=timeout_s,
            socket_connect_timeout=timeout_s,
            protocol=2,
            retry_on_error=[],
            retry=None,
        )
        self._kept = threading.local()

    def run(self, command: Callable[[str], Sequence[Command]]) -> list[Any]:
        """Send the commands that `command` makes of the prefix of keys; return their answers.

        Raises:
            RedisUnavailable: No answer in time, or the breaker is open, or one was refused.
        """
        if not self.breaker.allows():
            raise RedisUnavailable("The breaker is open.")
        try:
            answers = self._run(command)
        except NoScriptError:
            self.breaker.record_success()
            raise
        except (RedisError, OSError) as error:
            self._forget()
            self.breaker.record_failure()
            raise RedisUnavailable(str(error)) from error
        self.breaker.record_success()
        return answers

    def script(self, script: Script, keys: Callable[[str], Sequence[Any]], *arguments: Any) -> Any:
        """Run a script on the keys that `keys` makes of the prefix, and return its answer.

        Raises:
            RedisUnavailable: As `run`.
        """

        def evaluate(name: str, what: str) -> Any:
            def commands(prefix: str) -> list[Command]:
                given = keys(prefix)
                return [(name, what, len(given), *given, f"{prefix}t:", *arguments)]

            return self.run(commands)[0]

        try:
            return evaluate("EVALSHA", script.digest)
        except NoScriptError:
            return evaluate("EVAL", script.text)

    def close(self) -> None:
        """Close this thread's connection."""
        self._forget()

    def _run(self, command: Callable[[str], Sequence[Command]]) -> list[Any]:
        kept: tuple[ConnectionInterface, str] | None = getattr(self._kept, "connection", None)
        if kept is not None:
            try:
                return _exchange(kept[0], command(kept[1]))
            except TimeoutError:
                raise
            except (Disconnected, OSError):
                # The server closed it while it was idle; every command may be sent again.
                self._forget()
        connection, prefix = self._kept.connection = self._connect()
        return _exchange(connection, command(prefix))

    def _connect(self) -> tuple[ConnectionInterface, str]:
        # Not `make_connection`, which never forgets one that it made and ends at a hundred.
        connection: Any = self._maker.connection_class(**self._maker.connection_kwargs)
        connection.connect()
        [information] = _exchange(connection, [("INFO", "server")])
        fields = dict(
            line.split(":", 1) for line in information.decode().splitlines() if ":" in line
        )
        return connection, f"m{FORMAT}:{fields['run_id'][:12]}:"

    def _forget(self) -> None:
        kept = getattr(self._kept, "connection", None)
        self._kept.connection = None
        if kept is not None:
            kept[0].disconnect()


def _exchange(connection: Any, commands: Sequence[Command]) -> list[Any]:
    connection.send_packed_command(connection.pack_commands(commands), check_health=False)
    answers: list[Any] = []
    refusal: RedisError | None = None
    for _ in commands:
        try:
            answers.append(connection.read_response())
        except (Disconnected, TimeoutError):
            raise
        except RedisError as error:  # Read the others, or the next command would get them.
            refusal = error
    if refusal is not None:
        raise refusal
    return answers
