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
every_second: list[Callable[[], None]] = []
# These may ask the database; reading `/metrics` does not wait for them.
every_ten_seconds: list[Callable[[], None]] = []

# Two at once would count the same growth twice.
_beating = threading.Lock()


def run_collectors() -> None:
    """Look at everything that costs nothing."""
    with _beating:
        _look(every_second)


def start() -> None:
    """Look at everything from now on, in a thread of this process."""
    threading.Thread(target=_go_on, name="pulse", daemon=True).start()


def _go_on() -> None:
    slow_at = time.monotonic()
    while True:
        run_collectors()
        if time.monotonic() >= slow_at:
            _look(every_ten_seconds)
            slow_at = time.monotonic() + SLOW_INTERVAL_S
        time.sleep(INTERVAL_S)


def _look(looks: list[Callable[[], None]]) -> None:
    for look in looks:
        try:
            look()
        except Exception:
            logger.exception("A gauge could not be set.")
