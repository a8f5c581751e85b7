"""Run background tasks: the parsing of uploads, and once a day housekeeping."""

from __future__ import annotations

import signal
import threading
from argparse import ArgumentParser
from types import FrameType
from typing import Any

from django.conf import settings
from django.core.management.base import BaseCommand, CommandError

from morpheus.tracing import periodic
from morpheus.worker import housekeeping
from morpheus.worker.loop import Worker, WorkerInterrupted
from morpheus.worker.metrics_page import serve_metrics

# The alarm rings when a task takes too long to finish.
SIGNALS = (signal.SIGTERM, signal.SIGINT, signal.SIGALRM)


class Command(BaseCommand):
    help = (
        "Run queued tasks. SIGTERM or Ctrl-C: finish the task in progress and end; twice, or after "
        "MORPHEUS_STOP_TIMEOUT_S: end at once, and the next worker begins that task again."
    )

    def add_arguments(self, parser: ArgumentParser) -> None:
        parser.add_argument(
            "--interval", type=float, default=0.5, help="seconds between looks at an empty queue"
        )
        parser.add_argument("--batch", action="store_true", help="run the queued tasks, then end")
        parser.add_argument("--metrics-host", default="127.0.0.1", help="address of /metrics")
        parser.add_argument(
            "--metrics-port", type=int, help="port of /metrics; without it, there is no such page"
        )

    def handle(
        self,
        *,
        interval: float,
        batch: bool,
        metrics_host: str,
        metrics_port: int | None,
        **options: Any,
    ) -> None:
        if metrics_port is not None:
            _serve_metrics(metrics_host, metrics_port)
        periodic.start()
        if not batch:
            housekeeping.start()
        worker = Worker(interval_s=interval)
        previous = _stop_on_signals(worker)
        try:
            worker.drain() if batch else worker.run()
        except WorkerInterrupted:
            self.stdout.write("Ended at once; a task in progress is queued again.")
        finally:
            signal.alarm(0)
            for number, handler in previous.items():
                signal.signal(number, handler)


def _serve_metrics(host: str, port: int) -> None:
    try:
        serve_metrics(host, port)
    except (OSError, OverflowError) as error:
        raise CommandError(f"Cannot serve /metrics on {host}:{port}: {error}") from error


def _stop_on_signals(worker: Worker) -> dict[int, Any]:
    """Stop the worker on signals; return the handlers from before."""
    if threading.current_thread() is not threading.main_thread():
        return {}  # Python lets only the main thread set handlers.

    def stop(number: int, frame: FrameType | None) -> None:
        if worker.stopping.is_set():
            raise WorkerInterrupted
        worker.stop()
        signal.alarm(settings.MORPHEUS_STOP_TIMEOUT_S)

    return {number: signal.signal(number, stop) for number in SIGNALS}
