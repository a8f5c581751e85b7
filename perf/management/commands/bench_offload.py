"""Measure how much of the database's work each cache takes off, side by side."""

from __future__ import annotations

import json
from argparse import ArgumentParser
from typing import Any

from django.conf import settings
from django.core.management.base import BaseCommand, CommandError

from perf.lab.offload.load import LoadFailed, every_visit
from perf.lab.offload.measure import measured
from perf.lab.offload.mix import asked_first
from perf.lab.offload.modes import MODES, OFF
from perf.lab.offload.prepared import prepared
from perf.lab.offload.report import as_json, by_kind, table
from perf.lab.offload.servers import ServerFailed
from perf.lab.offload.subjects import NothingToAsk

# Half an hour for all three modes on two cores.
REQUESTS = 120_000
SEED = 42


class Command(BaseCommand):
    help = (
        "Make the same requests of servers without a cache, with ours, and with cachalot alone, "
        "each on a copy of the database; the first is always run. Empties the cache server."
    )

    def add_arguments(self, parser: ArgumentParser) -> None:
        parser.add_argument("--requests", type=int, default=REQUESTS, help="of each mode")
        parser.add_argument(
            "--warm-up", type=int, default=0, help="other requests that come first, uncounted"
        )
        parser.add_argument("--seed", type=int, default=SEED, help="of the requests")
        parser.add_argument("--modes", nargs="+", choices=MODES, default=list(MODES))
        parser.add_argument("--output", default=str(settings.MORPHEUS_VAR / "offload.json"))

    def handle(
        self,
        *,
        output: str,
        modes: list[str],
        requests: int,
        warm_up: int,
        seed: int,
        **options: Any,
    ) -> None:
        names = [OFF.name, *(name for name in modes if name != OFF.name)]
        results = []
        try:
            with prepared(seed=seed) as work:
                for name in names:
                    one = measured(MODES[name], work, requests=requests, warm_up=warm_up)
                    results.append(one)
                    # Now, in case that the next mode, which may take half an hour, does not end.
                    with open(output, "w") as file:
                        json.dump(as_json(results), file, indent=1)
                    self._say(f"{name}: {one.seconds:.0f} s")
                first = asked_first(
                    every_visit(work.of, seed=seed + 1, requests=warm_up),
                    every_visit(work.of, seed=seed, requests=requests),
                )
        except (NothingToAsk, ServerFailed, LoadFailed) as error:
            raise CommandError(str(error)) from error
        for line in (*table(results), *by_kind(results, first)):
            self._say(line)

    def _say(self, line: str) -> None:
        self.stdout.write(line)
        self.stdout.flush()
