"""Everything between an empty database and a server that may start, in one process."""

from __future__ import annotations

from argparse import ArgumentParser
from typing import Any

from django.core.management import call_command
from django.core.management.base import BaseCommand


class Command(BaseCommand):
    help = "Migrate, check the serving role, fill an empty database, make sure of an operator."
    requires_system_checks: list[str] = []

    def add_arguments(self, parser: ArgumentParser) -> None:
        parser.add_argument("--no-seed", action="store_true", help="leave an empty database empty")

    def handle(self, *, no_seed: bool, **options: Any) -> None:
        steps = [
            ["migrate"],
            ["check", "--tag", "database", "--database", "default"],
            ["seed", "--if-empty"],
            ["operator"],
        ]
        for step in steps:
            if step[0] == "seed" and no_seed:
                continue
            self.stdout.flush()
            call_command(*step)
