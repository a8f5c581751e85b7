"""What is looked at once a second, because nothing tells when it changes."""

from __future__ import annotations

import logging
import threading
import time
from collections.abc import Callable

logger = logging.getLogger(__name__)

INTERVAL_S = 1.0
# Of what asks the database.
SLOW_INTERVAL_S = 10.0

# Each sets gauges of this process, and asks no server.
on_pulse: list[Callable[[], None]] = []
# These may ask the database; reading `/metrics` does not wait for them.
on_slow_pulse: list[Callable[[], None]] = []

# Two at once would count the same growth twice.
_beating = threading.Lock()


def beat() -> None:
    """Look at everything that costs nothing."""
    with _beating:
        _look(on_pulse)


def start() -> None:
    """Look at everything from now on, in a thread of this process."""
    threading.Thread(target=_go_on, name="pulse", daemon=True).start()


def _go_on() -> None:
    slow_at = time.monotonic()
    while True:
        beat()
        if time.monotonic() >= slow_at:
            _look(on_slow_pulse)
            slow_at = time.monotonic() + SLOW_INTERVAL_S
        time.sleep(INTERVAL_S)


def _look(looks: list[Callable[[], None]]) -> None:
    for look in looks:
        try:
            look()
        except Exception:
            logger.exception("A gauge could not be set.")
