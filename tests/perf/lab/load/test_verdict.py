"""The verdict of a load test, on what clients are said to have met."""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path

import pytest

from perf.lab.load.account import Account
from perf.lab.load.profiles import PROFILES
from perf.lab.load.verdict import Demand, Met, breaches
from perf.monitoring.budgets import budgets

ROUTE = "GET /novels/{novel_id}/"
ROUTES = budgets().routes
DEMAND = Demand(min_requests=100, min_offload=0.7)


def met(**changed: float) -> Met:
    good = {"requests": 1000, "failures": 0, "p95_ms": 5.0, "p99_ms": 9.0}
    return Met(route=ROUTE, **(good | changed))  # type: ignore[arg-type]


def told(saved: float, *, waited: float = 0.0) -> Account:
    return Account(1 - saved, saved, 1000, waited * 1000)


def test_a_run_within_its_budgets_passes() -> None:
    assert breaches([met()], ROUTES, DEMAND, told(0.9, waited=0.01)) == []


@pytest.mark.parametrize(
    ("changed", "account", "said"),
    [
        ({"failures": 1}, told(0.9), "1 requests failed; 0 may."),
        ({"requests": 99}, told(0.9), "99 requests were made; at least 100 are due."),
        ({"p95_ms": ROUTES[ROUTE].p95_ms + 1}, told(0.9), f"{ROUTE}: p95"),
        ({"p99_ms": ROUTES[ROUTE].p99_ms + 1}, told(0.9), f"{ROUTE}: p99"),
        ({}, told(0.69), "The cache saved 69.0% of the database's time; 70% is due."),
        ({}, None, "The cache saved nothing that is known of"),
        ({}, told(0.9, waited=0.5), "50.0% of connections were waited for; 2% may be"),
    ],
)
def test_each_breach_is_told(changed: dict[str, float], account: Account | None, said: str) -> None:
    [found] = breaches([met(**changed)], ROUTES, DEMAND, account)

    assert found.startswith(said)


def test_a_run_in_which_nothing_happened_does_not_pass() -> None:
    for profile in PROFILES.values():
        assert breaches([], ROUTES, profile.demand(users=1, seconds=0), told(1.0))


def test_a_few_answers_are_not_judged_by_their_percentiles() -> None:
    demand = Demand(min_requests=1)

    def found(requests: int) -> list[str]:
        late = met(requests=requests, p95_ms=10_000, p99_ms=10_000)
        return [text.split()[2] for text in breaches([late], ROUTES, demand, None)]

    assert (found(80), found(110), found(500)) == ([], ["p95"], ["p95", "p99"])


def test_a_slower_machine_may_take_as_much_longer_and_no_more() -> None:
    late = met(p95_ms=ROUTES[ROUTE].p95_ms * 1.4)

    assert breaches([late], ROUTES, Demand(min_requests=1, slower=1.5), None) == []
    for slower in (1.3, 0.1):
        assert breaches([late], ROUTES, Demand(min_requests=1, slower=slower), None)
    # A faster one may take what is said.
    assert breaches([met()], ROUTES, Demand(min_requests=1, slower=0.01), None) == []


def test_a_profile_with_faults_allows_what_a_restart_costs_and_no_more() -> None:
    demand = PROFILES["faults"].demand(users=1, seconds=1)

    assert breaches([met(failures=16, p95_ms=10_000)], ROUTES, demand, None) == []
    assert breaches([met(failures=17)], ROUTES, demand, None)


def test_the_load_test_imports_neither_django_nor_psycopg() -> None:
    code = (
        "import sys, runpy; runpy.run_path('locustfile.py');"
        "sys.exit(', '.join({'django', 'psycopg'} & sys.modules.keys()) or 0)"
    )
    root = Path(__file__).resolve().parents[4]
    found = subprocess.run(
        [sys.executable, "-c", code], cwd=root, capture_output=True, text=True, check=False
    )

    assert found.returncode == 0, found.stderr
