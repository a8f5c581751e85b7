"""Periodic collectors: functions that update metrics for which there is no event."""

from __future__ import annotations

import logging
import threading
import time
from collections.abc import Callable

logger = logging.getLogger(__name__)

INTERVAL_S = 1.0
SLOW_INTERVAL_S = 10.0

# Collectors of this process' state; they call no server.
every_second: list[Callable[[], None]] = []
# Collectors that may query the database; reading `/metrics` does not wait for them.
every_ten_seconds: list[Callable[[], None]] = []

# Concurrent runs would count the same growth twice.
_lock = threading.Lock()


def run_collectors() -> None:
    """Run the collectors that call no server."""
    with _lock:
        _run(every_second)


def start() -> None:
    """Run all collectors from now on, in a thread of this process."""
    threading.Thread(target=_run_for_ever, name="periodic", daemon=True).start()


def _run_for_ever() -> None:
    slow_at = time.monotonic()
    while True:
        run_collectors()
        if time.monotonic() >= slow_at:
            _run(every_ten_seconds)
            slow_at = time.monotonic() + SLOW_INTERVAL_S
        time.sleep(INTERVAL_S)


def _run(collectors: list[Callable[[], None]]) -> None:
    for collect in collectors:
        try:
            collect()
        except Exception:
            logger.exception("A collector failed.")
