"""Not waiting again and again for a server that does not answer."""

from __future__ import annotations

import threading
import time
from urllib.parse import urlsplit

# Seconds that a server is left alone after a failure.
COOL_DOWN_S = 0.5


class CircuitBreaker:
    """Open after a failure: for `cool_down_s` nobody asks, then one caller at a time tries.

    Args:
        cool_down_s: Seconds between a failure and the next attempt.
    """

    def __init__(self, *, cool_down_s: float) -> None:
        self.cool_down_s = cool_down_s
        self.failures = 0
        self._lock = threading.Lock()
        # When the next attempt may be made, time.monotonic(); None while closed.
        self._attempt_at: float | None = None

    @property
    def is_open(self) -> bool:
        """Whether the last attempt failed."""
        return self._attempt_at is not None

    def allows(self) -> bool:
        """Tell whether to ask the server now; the caller tells how it went."""
        if self._attempt_at is None:
            return True
        with self._lock:
            now = time.monotonic()
            if self._attempt_at is not None and now < self._attempt_at:
                return False
            # Ours is the attempt; if it never ends, another is made after a rest.
            self._attempt_at = now + self.cool_down_s
            return True

    def record_failure(self) -> None:
        """Open: the server did not answer."""
        with self._lock:
            self.failures += 1
            self._attempt_at = time.monotonic() + self.cool_down_s

    def record_success(self) -> None:
        """Close: the server answered."""
        if self._attempt_at is not None:
            with self._lock:
                self._attempt_at = None


# By server: scheme, address, path.
_breakers: dict[tuple[str, str, str], CircuitBreaker] = {}
_making = threading.Lock()


def circuit_breaker_for(url: str) -> CircuitBreaker:
    """Return this process' breaker of a server, whichever of its logical databases `url` names."""
    parts = urlsplit(url)
    with _making:
        return _breakers.setdefault(
            (parts.scheme, parts.netloc, parts.path), CircuitBreaker(cool_down_s=COOL_DOWN_S)
        )


def circuit_breakers() -> list[CircuitBreaker]:
    """Return the breakers of all servers that this process has asked."""
    with _making:
        return list(_breakers.values())
