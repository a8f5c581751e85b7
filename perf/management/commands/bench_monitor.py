"""Print what observing costs an uncached list request."""

from __future__ import annotations

import os
import subprocess
import sys
import tempfile
from argparse import ArgumentParser
from typing import Any

from django.conf import settings
from django.core.management.base import BaseCommand, CommandError

from perf.lab.monitor_bench import REQUESTS, ROUNDS, URL, NotAnswered, costs

FOLDER = "PROMETHEUS_MULTIPROC_DIR"


class Command(BaseCommand):
    help = (
        "Measure what the monitor, and django-prometheus' parts beside it, cost of the CPU time of "
        "an uncached list request. Only reads."
    )

    def add_arguments(self, parser: ArgumentParser) -> None:
        parser.add_argument("--rounds", type=int, default=ROUNDS)
        parser.add_argument("--requests", type=int, default=REQUESTS, help="of each turn")

    def handle(self, *, rounds: int, requests: int, **options: Any) -> None:
        if FOLDER not in os.environ:
            # Servers count in files that all of them can read, which is dearer.
            self._as_a_server(f"--rounds={rounds}", f"--requests={requests}")
            return
        try:
            served_us, parts = costs(rounds=rounds, requests=requests)
        except NotAnswered as error:
            raise CommandError(str(error)) from error
        self.stdout.write(
            f"GET {URL} without a cache: {served_us:,.0f} µs of CPU; {rounds} rounds of {requests} "
            f"requests\n{'':<32}{'quickest tenth':>18}{'medians':>18}\n"
            f"{'part':<32}{'µs':>10}{'%':>8}{'µs':>10}{'%':>8}{'middle half':>18}"
        )
        for each in parts:
            low, high = each.spread_us
            self.stdout.write(
                f"{each.part:<32}{each.quick_us:>10.1f}{each.quick_percent:>8.2f}"
                f"{each.us:>10.1f}{each.percent:>8.2f}{f'{low:.0f} to {high:.0f}':>18}"
            )

    def _as_a_server(self, *options: str) -> None:
        with tempfile.TemporaryDirectory() as folder:
            command = [sys.executable, "manage.py", "bench_monitor", *options]
            done = subprocess.run(  # noqa: S603 - ourselves
                command, cwd=settings.BASE_DIR, env=os.environ | {FOLDER: folder}, check=False
            )
        if done.returncode:
            raise CommandError("The measurement failed, see above.")
