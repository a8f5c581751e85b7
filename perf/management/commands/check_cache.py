"""Check that nobody reads what is over: many clients, several servers, all kinds of faults."""

from __future__ import annotations

import os
import sys
from argparse import ArgumentParser
from collections.abc import Iterator
from typing import Any

from django.core.management import call_command
from django.core.management.base import BaseCommand, CommandError

from morpheus.management.embedded import REPLACED_BY, embedded_services
from perf.lab.consistency import faults, phases, sabotage
from perf.lab.consistency.scene import NotOurs

PHASES = ("steady", "faults", "sabotage")
# What a read may be behind under a fault: docs/caching.md.
BOUND_S = 3.0
# Of each kind of violation in each phase.
EXAMPLES = 3
HEADING = (
    f"{'phase':<20} {'reads':>10} {'per s':>7} {'values':>11} {'writes':>8} {'failed':>7} "
    f"{'wrong':>7} {'worst ms':>9}"
)


class Command(BaseCommand):
    help = (
        "Let clients read and write a few hot rows over HTTP, and check every read against the "
        "history of acknowledged writes. Stops and kills the services of MORPHEUS_VAR."
    )
    requires_system_checks: list[str] = []

    def add_arguments(self, parser: ArgumentParser) -> None:
        parser.add_argument("--reads", type=int, default=1_000_000, help="without faults")
        parser.add_argument("--seconds", type=float, default=30, help="of each fault and sabotage")
        parser.add_argument("--phase", action="append", choices=PHASES, help="these phases alone")
        parser.add_argument("--fault", action="append", choices=faults.NAMES)
        parser.add_argument("--sabotage", action="append", choices=sabotage.SABOTAGES)
        parser.add_argument("--clients", type=int, default=8)
        parser.add_argument("--servers", type=int, default=2)
        parser.add_argument("--seed", type=int, default=1)

    def handle(self, **given: Any) -> None:
        _refuse_real_servers()
        names = ("reads", "seconds", "clients", "servers", "seed")
        options = phases.Options(**{name: given[name] for name in names}, bound_s=BOUND_S)
        with embedded_services() as self.services:
            call_command("migrate", verbosity=0)
            self.stdout.write(HEADING)
            try:
                good = [self._print(row) for row in self._rows(options, given)]
            except NotOurs as error:
                raise CommandError(f"{error} Give a MORPHEUS_VAR of its own.") from error
        if not all(good):
            sys.exit(1)

    def _rows(self, options: phases.Options, given: dict[str, Any]) -> Iterator[phases.Row]:
        wanted = given["phase"] or PHASES
        if "steady" in wanted:
            yield phases.steady(options)
        if "faults" in wanted:
            yield from phases.under_faults(
                options, self.services, given["fault"] or list(faults.NAMES)
            )
        if "sabotage" in wanted:
            yield from phases.sabotaged(options, given["sabotage"] or sabotage.SABOTAGES)

    def _print(self, row: phases.Row) -> bool:
        outcome, verdict = row.outcome, row.outcome.verdict
        self.stdout.write(
            f"{row.name:<20} {outcome.reads:>10,} {outcome.reads / outcome.seconds:>7,.0f} "
            f"{verdict.values:>11,} {verdict.writes:>8,} {verdict.failures.total():>7,} "
            f"{verdict.wrong_reads:>7,} {verdict.worst_s * 1000:>9,.0f}  "
            f"{'as it must be' if row.is_good else 'NOT AS IT MUST BE'}"
        )
        for counted in (verdict.violations, verdict.failures):
            if counted:
                found = ", ".join(f"{kind} {number:,}" for kind, number in counted.most_common())
                self.stdout.write(f"    {found}")
        for kind in verdict.violations:
            shown = [violation for violation in verdict.examples if violation.kind == kind]
            for violation in shown[:EXAMPLES]:
                self.stdout.write(f"    {violation}")
        self.stdout.flush()
        return row.is_good


def _refuse_real_servers() -> None:
    if real := [variable for variable in REPLACED_BY.values() if os.environ.get(variable)]:
        raise CommandError(
            f"{' and '.join(real)} name real servers, and this kills servers and deletes novels: "
            "unset them to use embedded ones."
        )
