"""Results are compared with budgets and with a baseline."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace
from pathlib import Path

from perf.lab.suite.results import ResultFolder, ResultLine
from tests.perf.lab.suite.result import LINE, LINES

SLOW = replace(LINE, ratio=3 * LINE.ratio)


def write(
    folder: ResultFolder,
    lines: Sequence[ResultLine] = LINES,
    *,
    as_baseline: bool = False,
) -> None:
    folder.write(lines, slowdown=1.0, as_baseline=as_baseline)


def test_the_first_result_is_the_baseline(tmp_path: Path) -> None:
    folder = ResultFolder(tmp_path / "new", "small")

    assert list(folder.regressions(LINES, slowdown=1.0)) == []
    write(folder)

    assert list(folder.regressions(LINES, slowdown=1.0)) == []
    assert list(folder.regressions([SLOW], slowdown=1.0)) == [
        "GET /novels/?genre={genre}, cold: regression: it takes 18.0 times the reference, in the "
        "baseline 6.0 times. Find the change, or run with --keep-baseline."
    ]


def test_a_later_result_is_the_baseline_only_on_request(tmp_path: Path) -> None:
    folder = ResultFolder(tmp_path, "small")
    write(folder)

    write(folder, [SLOW])
    assert list(folder.regressions([SLOW], slowdown=1.0)) != []
    write(folder, [SLOW], as_baseline=True)
    assert list(folder.regressions([SLOW], slowdown=1.0)) == []


def test_times_of_one_reference_have_a_larger_tolerance(tmp_path: Path) -> None:
    folder, fast = ResultFolder(tmp_path, "small"), replace(LINE, ratio=0.4)
    write(folder, [fast])

    assert list(folder.regressions([replace(fast, ratio=1.2)], slowdown=1.0)) == []


def test_a_run_on_a_very_busy_machine_is_neither_baseline_nor_compared(tmp_path: Path) -> None:
    folder = ResultFolder(tmp_path, "small")

    folder.write(LINES, slowdown=9.0)
    assert not folder.baseline.exists()
    write(folder)
    assert list(folder.regressions([SLOW], slowdown=9.0)) == []


def test_a_percentile_over_its_budget_is_reported_with_advice() -> None:
    slow = replace(LINE, ms=LINE.ms | {"p99": 120.0}, allowed_ms={"p99": 110.0})

    (text,) = slow.breaches()
    assert text.startswith(
        "GET /novels/?genre={genre}, cold: p99_ms is 120.0, the budget 100, on this machine 110.0."
    )
    assert "perf/budgets.toml" in text
    assert slow.margin < 1 < LINE.margin
