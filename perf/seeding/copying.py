"""COPY of generated rows, a few hundred at a time, with a progress bar for each table."""

from __future__ import annotations

import sys
import time
from collections.abc import Callable, Iterable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from itertools import islice
from typing import Any, NoReturn

from tqdm import tqdm

from .database import COLUMNS

# Lines that are sent at once: about as much as the socket holds, so that the server works on them
# while the next are made.
CHUNK = 500
# In a log file each refresh is a line.
LOG_INTERVAL_S = 10.0
SCREEN_INTERVAL_S = 0.2

NULL = r"\N"
# Indexed by a bool.
BOOL = ("f", "t")

_ESCAPES = str.maketrans({"\\": r"\\", "\t": r"\t", "\n": r"\n", "\r": r"\r"})


def escape(text: str) -> str:
    """Return text, escaped for a column of COPY."""
    return text.translate(_ESCAPES)


def line(*values: Any) -> str:
    """Return a row in COPY's text format; for millions of rows, an f-string is faster."""
    return "\t".join([_column(value) for value in values]) + "\n"


def _column(value: Any) -> str:
    if value is None:
        return NULL
    return BOOL[value] if isinstance(value, bool) else escape(str(value))


@dataclass
class Progress:
    """Shows each step while it runs, unless `quiet`; `summary` has a line for each finished one."""

    quiet: bool = False
    summary: list[str] = field(default_factory=list)

    @contextmanager
    def step(self, label: str, count: int, unit: str = " rows") -> Iterator[tqdm[NoReturn]]:
        """Show a bar that ends at `count`; the block advances it by `update`."""
        on_screen = sys.stderr.isatty()
        began = time.perf_counter()
        with tqdm(
            desc=f"{label:<24}",
            total=count,
            unit=unit,
            unit_scale=True,
            disable=self.quiet,
            mininterval=SCREEN_INTERVAL_S if on_screen else LOG_INTERVAL_S,
            dynamic_ncols=on_screen,
        ) as bar:
            yield bar
        seconds = time.perf_counter() - began
        self.summary.append(
            f"{label:<24} {count:>12,} {seconds:>9.1f} s {count / seconds:>12,.0f}/s"
        )


@dataclass(frozen=True)
class Load:
    """Rows for one table: `count` lines of COPY's text format, generated while they are sent."""

    table: str
    lines: Callable[[], Iterable[str]]
    count: int


def copy_rows(cursor: Any, load: Load, progress: Progress, *, freeze: bool) -> None:
    """Copy the rows into their table, as the current role.

    Args:
        freeze: Mark the rows frozen and their pages all-visible, which spares a VACUUM. Only for
            tables that this transaction has truncated.

    Raises:
        RuntimeError: The number of rows differs from `load.count`.
    """
    columns = COLUMNS[load.table].replace(" ", ", ")
    options = " WITH (FREEZE)" if freeze else ""
    sent = 0
    with (
        progress.step(load.table, load.count) as bar,
        cursor.copy(f"COPY {load.table} ({columns}) FROM STDIN{options}") as copy,
    ):
        lines = iter(load.lines())
        while chunk := list(islice(lines, CHUNK)):
            copy.write("".join(chunk))
            sent += len(chunk)
            bar.update(len(chunk))
    if sent != load.count:
        raise RuntimeError(f"{load.table}: {sent} rows were generated, {load.count} were expected.")
