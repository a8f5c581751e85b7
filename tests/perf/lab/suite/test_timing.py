"""What a budget means on a machine that is slow, or waits."""

from __future__ import annotations

import pytest

from perf.lab.suite.timing import Times, allowed_ms, reference_ms


def test_a_machine_that_is_not_busy_gets_the_budget():
    assert allowed_ms(50, 0.95, [0.4] * 100, nominal_ms=0.4) == 50


def test_a_faster_machine_gets_no_less():
    assert allowed_ms(50, 0.95, [0.2] * 100, nominal_ms=0.4) == 50


def test_a_machine_half_as_fast_may_take_twice_as_long():
    assert allowed_ms(50, 0.95, [0.8] * 100, nominal_ms=0.4) == 100


def test_what_the_reference_waits_for_a_core_is_added_once():
    """Not multiplied: a wait is as long for a slow request as for a fast one."""
    waiting = [0.4] * 90 + [20.4] * 10

    assert allowed_ms(50, 0.95, waiting, nominal_ms=0.4) == pytest.approx(70)


def test_the_ratio_is_of_pairs_so_that_a_slow_hour_leaves_it_as_it_is():
    times = Times()
    for slowness in (1, 1, 5, 20, 1):
        times.add(6.0 * slowness, 2.0 * slowness)

    assert times.ratio == 3
    assert times.at(0.5) == 6


def test_the_reference_is_a_statement_that_takes_its_time(db):
    assert reference_ms() > 0
