"""Results are kept by the size of their data, beside a baseline."""

from __future__ import annotations

from dataclasses import replace

from perf.lab.suite.kept import Kept
from tests.perf.lab.suite.result import LINE, LINES, result


def keep(kept, lines=LINES, *, novels=600, as_baseline=False):
    kept.keep(result(lines, novels=novels).as_json(), as_baseline=as_baseline)


def test_the_first_result_is_the_baseline(tmp_path):
    kept = Kept(tmp_path / "new", "small")

    assert list(kept.slower(LINES, machine=1.0)) == []
    keep(kept)

    slow = replace(LINE, ratio=3 * LINE.ratio)
    assert list(kept.slower(LINES, machine=1.0)) == []
    assert list(kept.slower([slow], machine=1.0)) == [
        "GET /novels/?q=<b>, cold: it takes 18.0 times the reference, in the baseline 6.0 times. "
        "Find the change, or keep a new baseline."
    ]


def test_a_later_result_is_the_baseline_only_if_that_is_wanted(tmp_path):
    kept, slow = Kept(tmp_path, "small"), replace(LINE, ratio=3 * LINE.ratio)
    keep(kept)

    keep(kept, [slow])
    assert list(kept.slower([slow], machine=1.0)) != []
    keep(kept, [slow], as_baseline=True)
    assert list(kept.slower([slow], machine=1.0)) == []


def test_what_takes_no_longer_than_the_reference_is_not_compared_finely(tmp_path):
    kept, fast = Kept(tmp_path, "small"), replace(LINE, ratio=0.4)
    keep(kept, [fast])

    assert list(kept.slower([replace(fast, ratio=1.2)], machine=1.0)) == []


def test_a_machine_that_is_far_too_busy_is_neither_baseline_nor_compared(tmp_path):
    kept, slow = Kept(tmp_path, "small"), replace(LINE, ratio=3 * LINE.ratio)

    kept.keep({**result().as_json(), "slower": 9.0}, as_baseline=False)
    assert not kept.baseline.exists()
    keep(kept)
    assert list(kept.slower([slow], machine=9.0)) == []


def test_results_of_other_sizes_stand_beside_it_the_smallest_first(tmp_path):
    keep(Kept(tmp_path, "large"), novels=1_000_000)
    keep(Kept(tmp_path, "small"))

    assert list(Kept(tmp_path, "small").all_sizes()) == ["small", "large"]


def test_a_percentile_over_its_budget_is_said_with_what_to_do():
    slow = replace(LINE, p99=120.0, allowed_p99=110.0)

    (said,) = slow.breaches()
    assert said.startswith(
        "GET /novels/?q=<b>, cold: p99_ms is 120.0, the budget 100, on this machine 110.0."
    )
    assert "perf/budgets.toml" in said
    assert slow.margin < 1 < LINE.margin
