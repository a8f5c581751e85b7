"""All steps between an empty database and the start of a server, in one process."""

from __future__ import annotations

from argparse import ArgumentParser
from typing import Any

from django.core.management import call_command
from django.core.management.base import BaseCommand, CommandError
from django.db import OperationalError

from morpheus.management.preparation_lock import preparation_lock


class Command(BaseCommand):
    help = "Check, migrate, seed an empty database, create an operator."
    requires_system_checks: list[str] = []

    def add_arguments(self, parser: ArgumentParser) -> None:
        parser.add_argument("--no-seed", action="store_true", help="leave an empty database empty")

    def handle(self, *, no_seed: bool, **options: Any) -> None:
        steps = [
            # First, so that a role with too many rights does not become the owner of tables.
            ["check", "--database", "default"],
            ["migrate"],
            ["seed", "--if-empty"],
            ["operator"],
        ]
        try:
            with preparation_lock(self._write):
                for step in steps:
                    if step[0] != "seed" or not no_seed:
                        self.stdout.flush()
                        call_command(*step)
        except OperationalError as error:
            raise CommandError(f"The database is not reachable: {error}") from error

    def _write(self, message: str) -> None:
        self.stdout.write(message)
        self.stdout.flush()
