"""The circuit breaker: after a failure, a process does not call Redis during a cool-down."""

from __future__ import annotations

import threading
import time

from prometheus_client import Counter

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
