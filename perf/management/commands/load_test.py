"""Have realistic users load a server of one's own, and judge what they met by the budgets."""

from __future__ import annotations

import sys
from argparse import ArgumentParser
from typing import Any

from django.conf import settings
from django.core.management.base import BaseCommand, CommandError

from morpheus.management.embedded import embedded_services
from perf.lab.consistency.servers import ServersFailed
from perf.lab.load.profiles import PROFILES
from perf.lab.load.run import MAX_GROWTH, prepare, run_profile


class Command(BaseCommand):
    help = (
        "Start a server on the data of MORPHEUS_VAR, seeded if there is none, and have locust's "
        "users load it. Ends with 1 if a budget of perf/budgets.toml is not kept."
    )
    requires_system_checks: list[str] = []

    def add_arguments(self, parser: ArgumentParser) -> None:
        parser.add_argument("--profile", choices=PROFILES, default="standard")
        parser.add_argument("--users", type=int, help="100 unless the profile says otherwise")
        parser.add_argument("--seconds", type=int, help="60 unless the profile says otherwise")

    def handle(
        self, *, profile: str, users: int | None, seconds: int | None, **options: Any
    ) -> None:
        services = embedded_services()
        if not services.wanted:
            raise CommandError("It loads servers of its own: unset DATABASE_URL and REDIS_URL.")
        chosen = PROFILES[profile]
        reports = settings.MORPHEUS_VAR / "reports"
        with services:
            try:
                code, memory = run_profile(
                    profile,
                    services,
                    users=users or chosen.users,
                    seconds=seconds or chosen.seconds,
                    tokens=prepare(),
                    reports=reports,
                )
            except ServersFailed as error:
                raise CommandError(str(error)) from error
        peak = max((size for _, size in memory.seen), default=0)
        self.stdout.write(
            f"Server: {peak / 2**20:,.0f} MiB at most, last fifth ÷ second fifth "
            f"{memory.growth:.2f}. Reports: {reports / profile}.html and .csv"
        )
        # Shorter runs still fill what is filled once.
        has_grown = profile == "soak" and memory.growth > MAX_GROWTH
        if has_grown:
            self.stdout.write(f"  BREACH  the server's memory may grow to {MAX_GROWTH} of it.")
        if code or has_grown:
            sys.exit(1)
