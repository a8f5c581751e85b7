"""Fill the database with invented novels and comics."""

from __future__ import annotations

import sys
import time
from argparse import ArgumentParser
from dataclasses import fields
from typing import Any

from django.core.management.base import BaseCommand, CommandError
from django.db import DatabaseError

from perf.seeding.database import DatabaseNotEmpty
from perf.seeding.options import SCALES, ImpossibleOptions, Mode, SeedOptions
from perf.seeding.progress import Progress
from perf.seeding.seeder import database_is_empty, seed, vacuum
from perf.seeding.summary import summary

# As a shell says that a command ended by SIGINT.
EXIT_INTERRUPTED = 130
NUMBERS = [field.name for field in fields(SeedOptions) if field.type == "int"]


def add_seed_arguments(parser: ArgumentParser) -> None:
    """Declare one option per number of SeedOptions, and the presets."""
    defaults = SeedOptions()
    for name in NUMBERS:
        parser.add_argument(
            f"--{name.replace('_', '-')}",
            type=int,
            metavar="N",
            help=f"{getattr(defaults, name):,} unless the scale says otherwise",
        )
    parser.add_argument("--scale", choices=SCALES, default="default")
    parser.add_argument("--password", help="log in as any seeded user with it; default: nobody can")
    parser.add_argument("--quiet", action="store_true", help="print nothing but errors")


def seed_options(options: dict[str, Any]) -> SeedOptions:
    """Return what the command line says: a given number counts more than the scale's."""
    given = {name: options[name] for name in NUMBERS if options.get(name) is not None}
    mode: Mode = "append" if options.get("append") else "reset" if options.get("reset") else "empty"
    try:
        return SeedOptions(
            **{**SCALES[options["scale"]], **given}, mode=mode, password=options["password"]
        )
    except ImpossibleOptions as error:
        raise CommandError(str(error)) from error


class Command(BaseCommand):
    help = "Fill the database with invented novels and comics, the same for the same --seed."

    def add_arguments(self, parser: ArgumentParser) -> None:
        add_seed_arguments(parser)
        modes = parser.add_mutually_exclusive_group()
        modes.add_argument("--append", action="store_true", help="add to what is there")
        modes.add_argument(
            "--reset",
            action="store_true",
            help="first delete all novels, comics and users except superusers",
        )
        modes.add_argument(
            "--if-empty", action="store_true", help="do nothing, and succeed, unless it is empty"
        )

    def handle(self, *, if_empty: bool, quiet: bool, **options: Any) -> None:
        wanted = seed_options(options)
        if if_empty and not database_is_empty():
            return
        progress = Progress(quiet=quiet)
        began = time.perf_counter()
        self._seed(wanted, progress)
        vacuum(progress)
        if not quiet:
            self.stdout.write(summary(progress.steps, time.perf_counter() - began))

    def _seed(self, wanted: SeedOptions, progress: Progress) -> None:
        try:
            seed(wanted, progress)
        except DatabaseNotEmpty as error:
            raise CommandError(str(error)) from error
        except DatabaseError as error:
            raise CommandError(f"The database is as it was before: {error}") from error
        except KeyboardInterrupt:
            self.stderr.write("Interrupted: the database is as it was before.")
            sys.exit(EXIT_INTERRUPTED)
