"""Check that no client reads a stale value: many clients, several servers, injected faults."""

from __future__ import annotations

import sys
from argparse import ArgumentParser
from collections.abc import Iterator
from typing import Any

from django.core.management import call_command
from django.core.management.base import BaseCommand

from perf.lab.consistency import faults, phases
from perf.lab.harness.databases import own_services
from perf.lab.harness.tables import Table

PHASES = ("steady", "faults", "sabotage")
TABLE = Table("phase|reads|values|writes|refused|failed|wrong|worst ms".split("|"), first_width=20)


class Command(BaseCommand):
    help = (
        "Let clients read and write a few hot rows over HTTP, and check every read against the "
        "history of acknowledged writes. Kills the services of MORPHEUS_VAR and deletes novels. "
        "Exit code 1 if a phase is FAIL."
    )
    requires_system_checks: list[str] = []

    def add_arguments(self, parser: ArgumentParser) -> None:
        parser.add_argument("--reads", type=int, default=1_000_000, help="without faults")
        parser.add_argument("--seconds", type=float, default=30, help="of each fault and sabotage")
        parser.add_argument("--phase", action="append", choices=PHASES, help="only these phases")
        parser.add_argument("--fault", action="append", choices=faults.NAMES)
        parser.add_argument("--sabotage", action="append", choices=phases.SABOTAGES)

    def handle(self, **options: Any) -> None:
        with own_services() as self.services:
            call_command("migrate", verbosity=0)
            self.stdout.write(TABLE.heading)
            are_ok = [self._print(phase) for phase in self._run_phases(options)]
        if not all(are_ok):
            sys.exit(1)

    def _run_phases(self, options: dict[str, Any]) -> Iterator[phases.Phase]:
        runner = phases.PhaseRunner(self.services, options["reads"], options["seconds"])
        wanted = options["phase"] or PHASES
        if "steady" in wanted:
            yield runner.run_steady()
        if "faults" in wanted:
            yield from map(runner.run_fault, options["fault"] or faults.NAMES)
        if "sabotage" in wanted:
            yield from map(runner.run_sabotage, options["sabotage"] or phases.SABOTAGES)

    def _print(self, phase: phases.Phase) -> bool:
        verdict = phase.verdict
        counts = [verdict.reads, verdict.values, verdict.writes, verdict.retries]
        counts += [verdict.failures.total(), verdict.wrong_reads]
        cells = [f"{count:,.0f}" for count in (*counts, verdict.worst_s * 1000)]
        self.stdout.write(TABLE.row(phase.name, *cells, "ok" if phase.is_ok else "FAIL"))
        for counted in (verdict.violations, verdict.failures):
            if counted:
                kinds = ", ".join(f"{kind} {number:,}" for kind, number in counted.most_common())
                self.stdout.write(f"    {kinds}")
        for violation in verdict.examples:
            self.stdout.write(f"    {violation}")
        self.stdout.flush()
        return phase.is_ok
