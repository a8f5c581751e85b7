"""Not waiting again and again for a server that does not answer."""

from __future__ import annotations

import threading
import time
from urllib.parse import urlsplit

# Seconds that a server is left alone after a failure.
REST_S = 0.5


class Breaker:
    """Open after a failure: for `rest_s` nobody asks, then one caller at a time tries.

    Args:
        rest_s: Seconds between a failure and the next attempt.
    """

    def __init__(self, *, rest_s: float) -> None:
        self.rest_s = rest_s
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
            self._attempt_at = now + self.rest_s
            return True

    def failed(self) -> None:
        """Open: the server did not answer."""
        with self._lock:
            self.failures += 1
            self._attempt_at = time.monotonic() + self.rest_s

    def succeeded(self) -> None:
        """Close: the server answered."""
        if self._attempt_at is not None:
            with self._lock:
                self._attempt_at = None


# By server: scheme, address, path.
_breakers: dict[tuple[str, str, str], Breaker] = {}
_making = threading.Lock()


def breaker_of(url: str) -> Breaker:
    """Return this process' breaker of a server, whichever of its logical databases `url` names."""
    parts = urlsplit(url)
    with _making:
        return _breakers.setdefault(
            (parts.scheme, parts.netloc, parts.path), Breaker(rest_s=REST_S)
        )


def breakers() -> list[Breaker]:
    """Return the breakers of all servers that this process has asked."""
    with _making:
        return list(_breakers.values())
