"""Seeded reading progress, as lines for COPY."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from datetime import timedelta

from .chance import END, VERSION, draws, permute
from .copying import BOOL, NULL
from .options import SeedOptions

# The first reader has the most places, the next ones fewer and fewer.
MOST = 200
# Of its novels, a reader also reads so many comics.
COMICS_SHARE = 0.3
FINISHED_SHARE = 0.2


def count_places(options: SeedOptions) -> int:
    """Return the number of lines."""
    return sum(sum(_count(options, reader)) for reader in range(options.users))


def progress_lines(options: SeedOptions, users: Sequence[int]) -> Iterator[str]:
    """Yield reading_progress; ids begin with 1. A reader has each novel and comic once."""
    draw = draws(options.seed, "reading", VERSION)
    place_id = 0
    for reader, user in enumerate(users):
        novels, comics = _count(options, reader)
        works = [f"{1 + permute(reader + at, options.novels)}\t{NULL}" for at in range(novels)]
        works += [f"{NULL}\t{1 + permute(reader + at, options.comics)}" for at in range(comics)]
        for work in works:
            place_id += 1
            position = 0.0 if work.startswith(NULL) else draw()
            read_at = END - timedelta(minutes=draw() * 500_000)
            yield (
                f"{place_id}\t{user}\t{work}\t1\t{position}\t"
                f"{BOOL[draw() < FINISHED_SHARE]}\t{read_at}\n"
            )


def _count(options: SeedOptions, reader: int) -> tuple[int, int]:
    """Return how many novels and comics a reader reads."""
    places = 2 + MOST // (reader + 1)
    return min(places, options.novels), min(int(places * COMICS_SHARE), options.comics)
