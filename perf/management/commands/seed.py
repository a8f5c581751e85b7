"""Fill the database with invented novels and comics."""

from __future__ import annotations

import sys
import time
from argparse import ArgumentParser
from dataclasses import fields
from typing import Any

from django.core.management.base import BaseCommand, CommandError
from django.db import DatabaseError

from perf.seeding.copying import Progress
from perf.seeding.database import DatabaseNotEmpty
from perf.seeding.options import SCALES, ImpossibleOptions, SeedOptions
from perf.seeding.seeder import database_is_empty, seed, vacuum

# The exit code of a shell for a command that SIGINT ended.
EXIT_INTERRUPTED = 130
NUMBERS = [field.name for field in fields(SeedOptions) if field.type == "int"]


class Command(BaseCommand):
    help = "Fill the database with invented novels and comics, the same for the same --seed."

    def add_arguments(self, parser: ArgumentParser) -> None:
        for name in NUMBERS:
            parser.add_argument(
                f"--{name.replace('_', '-')}",
                type=int,
                metavar="N",
                help=f"{getattr(SeedOptions(), name):,} unless --scale says otherwise",
            )
        parser.add_argument("--scale", choices=SCALES, default="default")
        parser.add_argument("--password", help="of all seeded users; default: none can log in")
        parser.add_argument("--quiet", action="store_true", help="print errors only")
        modes = parser.add_mutually_exclusive_group()
        modes.add_argument(
            "--reset",
            action="store_true",
            help="first delete all novels, comics and users except superusers",
        )
        modes.add_argument(
            "--if-empty", action="store_true", help="do nothing if the database has rows"
        )

    def handle(self, *, if_empty: bool, quiet: bool, **options: Any) -> None:
        seed_options = _read_options(options)
        if if_empty and not database_is_empty():
            return
        progress = Progress(quiet=quiet)
        began = time.perf_counter()
        try:
            seed(seed_options, progress)
        except DatabaseNotEmpty as error:
            raise CommandError(str(error)) from error
        except DatabaseError as error:
            raise CommandError(f"The database is unchanged: {error}") from error
        except KeyboardInterrupt:
            self.stderr.write("Interrupted: the database is unchanged.")
            sys.exit(EXIT_INTERRUPTED)
        vacuum(progress)
        if not quiet:
            seconds = time.perf_counter() - began
            self.stdout.write("\n".join([*progress.summary, f"total: {seconds:.1f} s"]))


def _read_options(options: dict[str, Any]) -> SeedOptions:
    """Return the options of the command line; a number replaces that of the scale."""
    numbers = {name: options[name] for name in NUMBERS if options.get(name) is not None}
    try:
        return SeedOptions(
            **{**SCALES[options["scale"]], **numbers},
            reset=options["reset"],
            password=options["password"],
        )
    except ImpossibleOptions as error:
        raise CommandError(str(error)) from error
