"""Run background tasks: the parsing of uploads, and once a day housekeeping."""

from __future__ import annotations

import signal
import threading
from argparse import ArgumentParser
from types import FrameType
from typing import Any

from django.core.management.base import BaseCommand

from morpheus.tracing import periodic
from morpheus.worker import housekeeping
from morpheus.worker.loop import Worker

SIGNALS = (signal.SIGTERM, signal.SIGINT)


class Command(BaseCommand):
    help = (
        "Run queued tasks. SIGTERM or Ctrl-C: finish the task in progress and end; "
        "twice: end at once, and the next worker begins that task again."
    )

    def add_arguments(self, parser: ArgumentParser) -> None:
        parser.add_argument(
            "--interval", type=float, default=0.5, help="seconds between looks at an empty queue"
        )
        parser.add_argument("--batch", action="store_true", help="run the queued tasks, then end")

    def handle(self, *, interval: float, batch: bool, **options: Any) -> None:
        periodic.start()
        if not batch:
            housekeeping.start()
        worker = Worker(interval_s=interval)
        previous = _stop_on_signals(worker)
        try:
            worker.drain() if batch else worker.run()
        finally:
            for number, handler in previous.items():
                signal.signal(number, handler)


def _stop_on_signals(worker: Worker) -> dict[int, Any]:
    """Stop the worker on signals; return the handlers from before."""
    if threading.current_thread() is not threading.main_thread():
        return {}  # Python lets only the main thread set handlers.

    def stop(number: int, frame: FrameType | None) -> None:
        if worker.stopping.is_set():
            raise SystemExit(128 + number)
        worker.stop()

    return {number: signal.signal(number, stop) for number in SIGNALS}
