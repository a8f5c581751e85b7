"""Health checks of a guarded server over HTTP, without blocking the guard."""

from __future__ import annotations

import socket
import time
from dataclasses import dataclass


@dataclass(frozen=True)
class Health:
    """An HTTP request (HEAD) to which a healthy server responds 200, at any load.

    Attributes:
        timeout_s: Limit of one response. Longer than a full queue of requests takes, because a busy
            server must not be killed.
        most_failures: After so many failures in a row the server counts as hung.
    """

    host: str
    port: int
    path: str = "/healthz"
    interval_s: float = 2.0
    timeout_s: float = 5.0
    most_failures: int = 3


class HealthProbe:
    """Sends health checks to one server.

    Attributes:
        was_healthy: Whether the server has ever passed a check.
        failures: Failed checks since the last passed one.
    """

    def __init__(self, health: Health) -> None:
        self.health = health
        self.was_healthy = False
        self.failures = 0
        self._connection: socket.socket | None = None
        self._due_at = time.monotonic() + health.interval_s

    def step(self) -> None:
        """Take the response if it is there; send the next request if it is due. Never wait."""
        is_due = time.monotonic() >= self._due_at
        if self._connection is None:
            if is_due:
                self._send()
            return
        try:
            self._record(self._connection.recv(64))
        except BlockingIOError:
            if is_due:
                self._record(b"")
        except OSError:
            self._record(b"")

    def close(self) -> None:
        """Drop a request that waits for its response."""
        if self._connection is not None:
            self._connection.close()
            self._connection = None

    def _send(self) -> None:
        health = self.health
        self._due_at = time.monotonic() + health.timeout_s
        try:
            # The kernel accepts even for a hung server, so this is quick or fails.
            self._connection = socket.create_connection((health.host, health.port), timeout=0.5)
            self._connection.setblocking(False)
            request = f"HEAD {health.path} HTTP/1.1\r\nHost: localhost\r\nConnection: close\r\n\r\n"
            self._connection.send(request.encode())
        except OSError:
            self._record(b"")

    def _record(self, response: bytes) -> None:
        self.close()
        if response[:13].endswith(b" 200 "):
            self.was_healthy, self.failures = True, 0
        else:
            self.failures += 1
        self._due_at = time.monotonic() + self.health.interval_s
