"""Measure how much database time the cache saves."""

from __future__ import annotations

import json
from argparse import ArgumentParser
from typing import Any

from django.conf import settings
from django.core.management.base import BaseCommand, CommandError

from perf.lab.harness.servers import ServerFailed
from perf.lab.offload.measure import OFF, OURS, measure_mode
from perf.lab.offload.preparation import prepared_work
from perf.lab.offload.report import as_json, format_results
from perf.lab.offload.subjects import NoSubjects

# Half an hour for both modes on two cores.
REQUESTS = 180_000
SEED = 42


class Command(BaseCommand):
    help = (
        "Send the same requests to servers without a cache and with it, each on a copy of the "
        "database. Empties the cache server."
    )

    def add_arguments(self, parser: ArgumentParser) -> None:
        parser.add_argument("--requests", type=int, default=REQUESTS, help="of each mode")
        parser.add_argument(
            "--warm-up", type=int, default=0, help="other requests before the measurement"
        )
        parser.add_argument("--seed", type=int, default=SEED, help="of the requests")
        parser.add_argument("--output", default=str(settings.MORPHEUS_VAR / "offload.json"))

    def handle(
        self, *, output: str, requests: int, warm_up: int, seed: int, **options: Any
    ) -> None:
        results = []
        try:
            with prepared_work(seed=seed) as work:
                for mode in (OFF, OURS):
                    result = measure_mode(mode, work, requests=requests, warm_up=warm_up)
                    results.append(result)
                    # At once: the next mode may take half an hour, and fail.
                    with open(output, "w") as file:
                        json.dump(as_json(results), file, indent=1)
                    self._write(f"cache {mode}: {result.seconds:.0f} s")
        except (NoSubjects, ServerFailed) as error:
            raise CommandError(str(error)) from error
        for line in format_results(results):
            self._write(line)

    def _write(self, line: str) -> None:
        self.stdout.write(line)
        self.stdout.flush()
