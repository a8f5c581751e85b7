"""Measure Morpheus beside other implementations that give the same responses."""

from __future__ import annotations

import sys
from argparse import ArgumentParser
from typing import Any

from django.core.management import call_command
from django.core.management.base import BaseCommand

from perf.lab.peers.contestants import running_contestants
from perf.lab.peers.measure import CONNECTIONS, ROUNDS, SECONDS, compare
from perf.lab.peers.routes import find_differences, make_routes


class Command(BaseCommand):
    help = (
        "Start Morpheus, Django REST framework as it is usually written and as it is written well, "
        "and the usual way with cachalot; compare their responses, then measure them in turns. "
        "Exit code 1 if responses differ."
    )

    def add_arguments(self, parser: ArgumentParser) -> None:
        parser.add_argument("--rounds", type=int, default=ROUNDS)
        parser.add_argument("--seconds", type=float, default=SECONDS, help="of each measurement")
        parser.add_argument("--connections", type=int, nargs="+", default=list(CONNECTIONS))
        parser.add_argument("--routes", nargs="+", default=[], help="only the routes named here")
        parser.add_argument("--only-compare", action="store_true", help="do not measure")

    def handle(self, *, routes: list[str], only_compare: bool, **options: Any) -> None:
        measured = {name: options[name] for name in ("rounds", "seconds", "connections")}
        call_command("seed", if_empty=True, quiet=True)
        wanted = [each for each in make_routes() if not routes or each.name in routes]
        with running_contestants() as servers:
            differences = [*find_differences(servers, wanted)]
            for sentence in differences:
                self.stderr.write(f"FAIL  {sentence}")
            if differences:
                sys.exit(1)
            self._write("ok  All contestants give the same responses.")
            for comparison in () if only_compare else compare(servers, wanted, **measured):
                for line in comparison.format():
                    self._write(line)

    def _write(self, line: str) -> None:
        self.stdout.write(line)
        self.stdout.flush()
