"""Print what a warm answer costs, and who asks the database when a value is gone."""

from __future__ import annotations

from argparse import ArgumentParser
from typing import Any

from django.core.management.base import BaseCommand, CommandError

from perf.lab.offload.client import BadAnswer
from perf.lab.offload.hammer import CONNECTIONS
from perf.lab.offload.prepared import prepared
from perf.lab.offload.rush import CLIENTS, PROCESSES, Rush, rushes
from perf.lab.offload.servers import ServerFailed
from perf.lab.offload.subjects import NothingToAsk
from perf.lab.offload.warm import ROUNDS, SECONDS, Compared, compared


class Command(BaseCommand):
    help = (
        "Compare a warm answer with constant bytes of its size from the same kind of server, and "
        "with an uncached one; then ask for one value from 200 clients at once. Empties the cache "
        "server."
    )

    def add_arguments(self, parser: ArgumentParser) -> None:
        parser.add_argument("--seconds", type=float, default=SECONDS, help="of each measurement")
        parser.add_argument("--seed", type=int, default=42)

    def handle(self, *, seconds: float, seed: int, **options: Any) -> None:
        try:
            with prepared(seed=seed) as work:
                self._say(
                    f"{CONNECTIONS} connections, medians of {ROUNDS} rounds of {seconds} s; ratios "
                    f"of requests/s and of p50 to constant bytes and to uncached\n"
                    f"{'GET':<26}{'bytes':>7}{'warm/s':>9}{'p50 ms':>8}"
                    f"{'constant/s':>12}{'ratio':>7}{'p50':>7}{'uncached/s':>12}{'ratio':>7}{'p50':>7}"
                )
                for one in compared(work, seconds=seconds):
                    self._say(_pace_line(one))
                self._say(
                    f"\n{CLIENTS} clients at once, {PROCESSES} processes\n{'':<18}{'value':<26}"
                    f"{'200s':>6}{'queries':>9}{'the same one':>14}"
                )
                for rush in rushes(work):
                    self._say(_rush_line(rush))
        except (NothingToAsk, ServerFailed, BadAnswer) as error:
            raise CommandError(str(error)) from error

    def _say(self, line: str) -> None:
        self.stdout.write(line)
        self.stdout.flush()


def _pace_line(one: Compared) -> str:
    line = f"{one.name:<26}{one.size_bytes:>7,}{one.warm.per_second:>9,.0f}{one.warm.p50_ms:>8.2f}"
    for other, width in ((one.constant, 12), (one.uncached, 12)):
        line += (
            f"{other.per_second:>{width},.0f}{one.warm.per_second / other.per_second:>7.2f}"
            f"{one.warm.p50_ms / other.p50_ms:>7.2f}"
        )
    return line


def _rush_line(rush: Rush) -> str:
    verdict = "" if rush.most <= PROCESSES else "  more than one for each process"
    line = f"{rush.mode.title:<18}{rush.name:<26}{rush.good:>6}{rush.queries:>9}{rush.most:>14}"
    return line + verdict
