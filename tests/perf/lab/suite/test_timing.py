"""Budgets on a machine that is slow, or waits for a core."""

from __future__ import annotations

import pytest

from perf.lab.harness.measurements import percentile
from perf.lab.suite.timing import Measurement, allowed_ms, reference_ms


def test_an_idle_machine_has_the_budget() -> None:
    assert allowed_ms(50, 0.95, [0.4] * 100, idle_ms=0.4) == 50


def test_a_faster_machine_has_no_less() -> None:
    assert allowed_ms(50, 0.95, [0.2] * 100, idle_ms=0.4) == 50


def test_a_machine_half_as_fast_may_take_twice_as_long() -> None:
    assert allowed_ms(50, 0.95, [0.8] * 100, idle_ms=0.4) == 100


def test_the_wait_of_the_reference_for_a_core_is_added_once() -> None:
    """Not multiplied: a wait is as long for a slow request as for a fast one."""
    waiting = [0.4] * 90 + [20.4] * 10

    assert allowed_ms(50, 0.95, waiting, idle_ms=0.4) == pytest.approx(70)


def test_the_ratio_is_of_pairs_so_that_a_slow_hour_does_not_change_it() -> None:
    times = Measurement("route", "route", "cold")
    for slowness in (1, 1, 5, 20, 1):
        times.ms.append(6.0 * slowness)
        times.references.append(2.0 * slowness)

    assert times.ratio == 3
    assert percentile(times.ms, 0.5) == 6


@pytest.mark.usefixtures("db")
def test_a_call_is_timed_beside_the_reference() -> None:
    times = Measurement("route", "route", "cold")

    assert times.measure(lambda: "result") == "result"
    assert len(times.ms) == len(times.references) == 1


@pytest.mark.usefixtures("db")
def test_the_reference_is_a_statement_that_takes_time() -> None:
    assert reference_ms() > 0
