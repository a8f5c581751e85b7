"""Measure Morpheus beside other implementations that give the same responses."""

from __future__ import annotations

import shutil
import sys
from argparse import ArgumentParser
from typing import Any

from django.core.management import call_command
from django.core.management.base import BaseCommand, CommandError

from perf.lab.harness.servers import THREADS
from perf.lab.peers.contestants import PEERS
from perf.lab.peers.installation import missing_programs
from perf.lab.peers.measure import CONNECTIONS, ROUNDS, SECONDS, compare
from perf.lab.peers.routes import find_differences, make_routes
from perf.lab.peers.running import running_contestants

# Different requests of each route that wrk sends in turn.
REQUESTS = 64


class Command(BaseCommand):
    help = (
        "Start Morpheus and peers; compare their responses, then measure them in turns. "
        "Exit code 1 if responses differ."
    )

    def add_arguments(self, parser: ArgumentParser) -> None:
        parser.add_argument(
            "--peers", default="drf", help=f"separated by commas, from {', '.join(PEERS)}"
        )
        parser.add_argument("--rounds", type=int, default=ROUNDS)
        parser.add_argument("--seconds", type=float, default=SECONDS, help="of each measurement")
        parser.add_argument("--connections", type=int, nargs="+", default=list(CONNECTIONS))
        parser.add_argument("--routes", nargs="+", default=[], help="only the routes named here")
        parser.add_argument(
            "--threads", type=int, default=THREADS, help="of each server of Morpheus"
        )
        parser.add_argument("--only-compare", action="store_true", help="do not measure")

    def handle(self, *, peers: str, routes: list[str], only_compare: bool, **options: Any) -> None:
        measured = {name: options[name] for name in ("rounds", "seconds", "connections")}
        chosen = _read_peers(peers, measures=not only_compare)
        call_command("seed", if_empty=True, quiet=True)
        wanted = [each for each in make_routes(REQUESTS) if not routes or each.name in routes]
        with running_contestants(chosen, threads=options["threads"]) as runners:
            differences = [*find_differences(runners, wanted)]
            for sentence in differences:
                self.stderr.write(f"FAIL  {sentence}")
            if differences:
                sys.exit(1)
            self._write("ok  All contestants give the same responses.")
            if only_compare:
                return
            for comparison in compare(runners, wanted, **measured):
                for line in comparison.format():
                    self._write(line)

    def _write(self, line: str) -> None:
        self.stdout.write(line)
        self.stdout.flush()


def _read_peers(text: str, *, measures: bool) -> list[str]:
    """Return the peers that are named.

    Raises:
        CommandError: A name is unknown, not for this run, or needs a program that is missing.
    """
    peers = text.split(",")
    if unknown := set(peers) - PEERS.keys():
        raise CommandError(
            f"No such peer: {', '.join(sorted(unknown))}. There are {', '.join(PEERS)}."
        )
    if "drf" in peers and len(peers) > 1:
        raise CommandError(
            "PostgreSQL has not enough connections for drf and others: name done_well instead."
        )
    missing = missing_programs(peers)
    if measures and not shutil.which("wrk"):
        missing.insert(0, "There is no wrk: apt-get install wrk.")
    if missing:
        raise CommandError("\n".join(missing))
    return peers
