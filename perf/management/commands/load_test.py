"""Load a server with realistic users, and judge the run by the budgets."""

from __future__ import annotations

import sys
from argparse import ArgumentParser
from typing import Any

from django.conf import settings
from django.core.management.base import BaseCommand

from perf.lab.harness.databases import own_services
from perf.lab.load.profiles import PROFILES
from perf.lab.load.run import compute_growth, run_profile

# A server that serves the same requests for longer may grow by this much.
MAX_GROWTH = 1.2


class Command(BaseCommand):
    help = (
        "Start a server on the data of MORPHEUS_VAR, seeded if empty, and load it with locust's "
        "users. Exit code 1 if the run does not keep perf/budgets.toml."
    )
    requires_system_checks: list[str] = []

    def add_arguments(self, parser: ArgumentParser) -> None:
        parser.add_argument("--profile", choices=PROFILES, default="steady")
        parser.add_argument("--users", type=int, help="by default those of the profile")
        parser.add_argument("--seconds", type=int, help="by default those of the profile")

    def handle(
        self, *, profile: str, users: int | None, seconds: int | None, **options: Any
    ) -> None:
        reports = settings.MORPHEUS_VAR / "reports"
        with own_services() as services:
            code, memory = run_profile(
                profile,
                services,
                users=users or PROFILES[profile].users,
                seconds=seconds or PROFILES[profile].seconds,
                reports=reports,
            )
        growth = compute_growth(memory)
        self.stdout.write(
            f"Server: at most {max(memory) / 2**20:,.0f} MiB, last fifth ÷ second fifth "
            f"{growth:.2f}. Reports: {reports / profile}.html and .csv"
        )
        # Shorter runs still fill caches and import modules.
        has_grown = profile == "soak" and growth > MAX_GROWTH
        if has_grown:
            self.stdout.write(f"FAIL  The server's memory may grow to {MAX_GROWTH} times.")
        if code or has_grown:
            sys.exit(1)
