"""Work that leaves its request's thread: bounded queues, each with a thread that takes batches."""

from __future__ import annotations

import logging
import os
import threading
from collections import deque
from collections.abc import Callable
from dataclasses import KW_ONLY, dataclass
from multiprocessing.util import Finalize
from typing import Any, Generic, TypeVar

logger = logging.getLogger(__name__)

Item = TypeVar("Item")

# A process that ends waits this long for each queue.
FINISH_TIMEOUT_S = 3.0


@dataclass(eq=False)
class BackgroundQueue(Generic[Item]):
    """Items that a thread handles in batches, in the order in which they were added.

    Adding an item takes no lock and waits for nothing. Before `start`, items are handled at once by
    the thread that adds them: in tests and management commands.

    Attributes:
        name: Of the thread.
        handle: Called with a batch. Its errors are logged and go no further.
        count_dropped: Called for each item that finds the queue full.
        max_waiting: Number of items that wait at most.
        interval_s: Time between two batches; None if `wake` starts each batch.
    """

    name: str
    handle: Callable[[list[Item]], None]
    count_dropped: Callable[[], None]
    _: KW_ONLY
    max_waiting: int
    interval_s: float | None

    def __post_init__(self) -> None:
        self._items: deque[Item] = deque()
        self._flushes: deque[threading.Event] = deque()
        self._has_work = threading.Event()
        self._is_running = False

    def start(self) -> None:
        """Handle items in a thread from now on, until the process ends."""
        if self._is_running:
            return
        if not _running:
            # Also runs in a forked child of multiprocessing, which skips `atexit`: granian's
            # server processes.
            Finalize(None, stop_all, exitpriority=0)
        _running.append(self)
        self._is_running = True
        threading.Thread(target=self._run, name=self.name, daemon=True).start()

    def add(self, item: Item) -> None:
        """Add an item."""
        if not self._is_running:
            self._handle_batch([item])
        elif len(self._items) < self.max_waiting:
            self._items.append(item)
        else:
            self.count_dropped()

    def wake(self) -> None:
        """Have the items handled now."""
        self._has_work.set()

    def flush(self, timeout_s: float) -> bool:
        """Wait until all items added so far are handled; return whether this was in time."""
        if not self._is_running:
            return True
        done = threading.Event()
        self._flushes.append(done)
        self.wake()
        return done.wait(timeout_s)

    def stop(self) -> None:
        """Handle the items that wait; later ones are handled by the thread that adds them."""
        if self.flush(FINISH_TIMEOUT_S):
            self._is_running = False

    def restart_in_child(self) -> None:
        """Start the thread of a forked process; the items that wait are the parent's."""
        self.__post_init__()
        self.start()

    def _run(self) -> None:
        while True:
            self._has_work.wait(self.interval_s)
            self._has_work.clear()
            # First, so that no item of a flush is added after its batch was taken.
            flushes = _take_all(self._flushes)
            if batch := _take_all(self._items):
                self._handle_batch(batch)
            for done in flushes:
                done.set()

    def _handle_batch(self, batch: list[Item]) -> None:
        try:
            self.handle(batch)
        except Exception:
            logger.exception("%d items of the queue %r failed.", len(batch), self.name)


def stop_all() -> None:
    """Handle everything that waits in this process."""
    # A batch may add to another queue, even start one. So after `stop`, items are handled at once.
    for queue in _running:
        queue.stop()


def _take_all(items: deque[Any]) -> list[Any]:
    return [items.popleft() for _ in range(len(items))]


def _restart_all() -> None:
    queues = _running.copy()
    _running.clear()
    for queue in queues:
        queue.restart_in_child()


_running: list[BackgroundQueue[Any]] = []
os.register_at_fork(after_in_child=_restart_all)
