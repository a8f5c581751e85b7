"""Progress bars with rate and remaining time, and a summary of the measured times."""

from __future__ import annotations

import sys
import time
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from typing import NoReturn

from tqdm import tqdm

# In a log file each refresh is a line.
LOG_INTERVAL_S = 10.0
SCREEN_INTERVAL_S = 0.2


@dataclass
class Progress:
    """Shows each step while it runs and remembers its time.

    Attributes:
        quiet: Show nothing.
        summary: One line for each finished step: its name, number of rows, duration and rate.
    """

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
