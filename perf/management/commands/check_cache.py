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
# Of each kind of violation in each phase.
EXAMPLES = 3
TABLE = Table(
    "phase|reads|per s|values|writes|refused|failed|wrong|worst ms".split("|"), first_width=20
)


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
        parser.add_argument("--clients", type=int, default=8)
        parser.add_argument("--servers", type=int, default=2)
        parser.add_argument("--seed", type=int, default=1)

    def handle(self, **options: Any) -> None:
        with own_services() as self.services:
            call_command("migrate", verbosity=0)
            self.stdout.write(TABLE.heading)
            are_ok = [self._print(phase) for phase in self._run_phases(options)]
        if not all(are_ok):
            sys.exit(1)

    def _run_phases(self, options: dict[str, Any]) -> Iterator[phases.Phase]:
        names = ("reads", "seconds", "clients", "servers", "seed")
        runner = phases.PhaseRunner(**{name: options[name] for name in names})
        wanted = options["phase"] or PHASES
        if "steady" in wanted:
            yield runner.run_steady()
        if "faults" in wanted:
            for name in options["fault"] or faults.NAMES:
                yield runner.run_fault(name, self.services)
        if "sabotage" in wanted:
            yield from map(runner.run_sabotage, options["sabotage"] or phases.SABOTAGES)

    def _print(self, phase: phases.Phase) -> bool:
        outcome, verdict = phase.outcome, phase.outcome.verdict
        counts = [outcome.reads, outcome.reads / outcome.seconds, verdict.values, verdict.writes]
        counts += [verdict.retries, verdict.failures.total(), verdict.wrong_reads]
        cells = [f"{count:,.0f}" for count in (*counts, verdict.worst_s * 1000)]
        self.stdout.write(TABLE.row(phase.name, *cells, "ok" if phase.is_ok else "FAIL"))
        for counted in (verdict.violations, verdict.failures):
            if counted:
                kinds = ", ".join(f"{kind} {number:,}" for kind, number in counted.most_common())
                self.stdout.write(f"    {kinds}")
        for kind in verdict.violations:
            examples = [each for each in verdict.examples if each.kind == kind]
            for violation in examples[:EXAMPLES]:
                self.stdout.write(f"    {violation}")
        self.stdout.flush()
        return phase.is_ok
