"""Everything between an empty database and a server that may start, in one process."""

from __future__ import annotations

from argparse import ArgumentParser
from typing import Any

from django.core.management import call_command
from django.core.management.base import BaseCommand, CommandError
from django.db import OperationalError


class Command(BaseCommand):
    help = "Check, migrate, fill an empty database, make sure of an operator."
    requires_system_checks: list[str] = []

    def add_arguments(self, parser: ArgumentParser) -> None:
        parser.add_argument("--no-seed", action="store_true", help="leave an empty database empty")

    def handle(self, *, no_seed: bool, **options: Any) -> None:
        steps = [
            # First, so that a role which may do too much owns no table afterwards.
            ["check", "--database", "default"],
            ["migrate"],
            ["seed", "--if-empty"],
            ["operator"],
        ]
        for step in steps:
            if step[0] == "seed" and no_seed:
                continue
            self.stdout.flush()
            try:
                call_command(*step)
            except OperationalError as error:
                raise CommandError(f"The database does not answer: {error}") from error
