"""Results that are kept as JSON: one for each size of the data, and a baseline beside it."""

from __future__ import annotations

import json
from collections.abc import Iterator
from pathlib import Path
from typing import Any

from perf.lab.suite.lines import Line

# On a machine that is slower than this by the reference, processes wait for a core so long that
# ratios change as well: it is neither a baseline nor compared with one.
MOST_SLOWER = 3.0


class Kept:
    """The folder of results.

    Attributes:
        size: What the data of this run are called, such as "default".
    """

    def __init__(self, folder: Path, size: str) -> None:
        self.folder, self.size = folder, size
        folder.mkdir(parents=True, exist_ok=True)

    @property
    def report(self) -> Path:
        return self.folder / f"{self.size}.html"

    @property
    def result(self) -> Path:
        return self.folder / f"{self.size}.json"

    @property
    def baseline(self) -> Path:
        return self.folder / "baseline" / f"{self.size}.json"

    def keep(self, result: dict[str, Any], *, as_baseline: bool) -> None:
        """Keep the result; as the baseline too if that is wanted, or a good one is missing."""
        self.result.write_text(json.dumps(result, indent=1))
        is_missing = not self.baseline.exists() and result["slower"] <= MOST_SLOWER
        if as_baseline or is_missing:
            ratios = {_key(line): line["ratio"] for line in result["lines"]}
            self.baseline.parent.mkdir(exist_ok=True)
            self.baseline.write_text(json.dumps(ratios, indent=1))

    def slower(self, lines: list[Line], *, machine: float) -> Iterator[str]:
        """Yield a sentence for each line that costs more than in the baseline.

        Args:
            machine: How many times slower than usual the machine was.
        """
        if machine > MOST_SLOWER or not self.baseline.exists():
            return
        before = json.loads(self.baseline.read_text())
        for line in lines:
            ratio = before.get(f"{line.temperature} {line.name}")
            if ratio is not None:
                yield from line.slower_than(ratio)

    def all_sizes(self) -> dict[str, dict[str, Any]]:
        """Return the last result of each size, the smallest data first."""
        found = {path.stem: json.loads(path.read_text()) for path in self.folder.glob("*.json")}
        return dict(sorted(found.items(), key=lambda each: each[1]["rows"]["novels_novel"]))


def _key(line: dict[str, Any]) -> str:
    return f"{line['temperature']} {line['name']}"
