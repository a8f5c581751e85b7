"""Print what row level security costs, route by route."""

from __future__ import annotations

import logging
import os
import sys
from argparse import ArgumentParser
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

from django.core.management.base import BaseCommand, CommandError

from perf.lab.rls.measure import Cost, costs
from perf.lab.rls.routes import NothingToRead, reads, subjects

# Of buffers and of a route's time, with row level security ÷ without.
MOST = 1.15

_PAIR = "{:>8} {:>8} {:>6}"
HEADING = " ".join(
    [
        f"{'route':<36} {'reader':<9} {'SQL':>3}",
        *(_PAIR.format(name, "without", "ratio") for name in ("buffers", "route ms", "SQL ms")),
        " indexes",
    ]
)


class Command(BaseCommand):
    help = (
        "Compare every read as the serving role with the same past row level security, where no "
        f"identity is sent. Exit code 1 if buffers or a route's time are beyond {MOST} of it."
    )

    def add_arguments(self, parser: ArgumentParser) -> None:
        parser.add_argument("--rounds", type=int, default=101, help="pairs of timed runs per read")

    def handle(self, *, rounds: int, **options: Any) -> None:
        try:
            wanted = reads(subjects())
        except NothingToRead as error:
            raise CommandError(str(error)) from error
        self.stdout.write(HEADING)
        dear = 0
        with _unlogged():
            for cost in costs(wanted, rounds=rounds):
                self.stdout.write(_line(cost))
                self.stdout.flush()
                dear += max(cost.buffers_ratio, cost.route_ratio) > MOST
        if dear:
            raise CommandError(f"{dear} reads cost more than {MOST} of what they would without.")


@contextmanager
def _unlogged() -> Iterator[None]:
    """Throw the lines of requests away: they are made as in a server, and would hide the table."""
    shown = [
        handler
        for handler in logging.getLogger().handlers
        if isinstance(handler, logging.StreamHandler) and handler.stream is sys.stderr
    ]
    with open(os.devnull, "w") as nowhere:
        for handler in shown:
            handler.setStream(nowhere)
        try:
            yield
        finally:
            for handler in shown:
                handler.setStream(sys.stderr)


def _line(cost: Cost) -> str:
    name = f"{cost.read.route} {cost.read.label}".strip()
    reader = "anonymous" if cost.read.reader_id is None else "owner"
    extra = sorted(cost.indexes ^ cost.indexes_bare)
    pairs = [
        _PAIR.format(f"{cost.buffers:,}", f"{cost.buffers_bare:,}", f"{cost.buffers_ratio:.2f}"),
        _PAIR.format(
            f"{cost.route_ms:.2f}", f"{cost.route_ms_bare:.2f}", f"{cost.route_ratio:.2f}"
        ),
        _PAIR.format(f"{cost.ms:.2f}", f"{cost.ms_bare:.2f}", f"{cost.ms / cost.ms_bare:.2f}"),
    ]
    indexes = "same" if not extra else ", ".join(extra)
    return f"{name:<36} {reader:<9} {cost.statements:>3} {' '.join(pairs)}  {indexes}"
