"""The verdict of a load test, for given figures."""

from __future__ import annotations

import io
import subprocess
import sys
from dataclasses import replace
from pathlib import Path

import pytest

from perf.lab.load import server_counters
from perf.lab.load.profiles import PROFILES
from perf.lab.load.server_counters import ServerCounters
from perf.lab.load.verdict import RouteResult, find_breaches
from perf.monitoring.budgets import budgets

ROUTE = "GET /novels/{novel_id}/"
ROUTES = budgets().routes
STEADY = PROFILES["steady"]
ANY_OFFLOAD = replace(STEADY, min_offload=None)


def make_result(**changed: float) -> RouteResult:
    good = {"requests": 1000, "failures": 0, "p95_ms": 5.0, "p99_ms": 9.0}
    return RouteResult(route=ROUTE, **(good | changed))  # type: ignore[arg-type]


def make_counters(offload: float, *, queued: float = 0.0) -> ServerCounters:
    return ServerCounters(1 - offload, 5, offload, 1000, queued * 1000)


def test_a_run_within_its_budgets_passes() -> None:
    counters = make_counters(0.9, queued=0.01)

    assert find_breaches([make_result()], ROUTES, STEADY, counters, min_requests=100) == []


@pytest.mark.parametrize(
    ("changed", "counters", "message"),
    [
        ({"failures": 1}, make_counters(0.9), "1 requests failed, 0 allowed."),
        ({"requests": 99}, make_counters(0.9), "99 requests, 100 required."),
        ({"p95_ms": ROUTES[ROUTE].p95_ms + 1}, make_counters(0.9), f"{ROUTE}: p95"),
        ({"p99_ms": ROUTES[ROUTE].p99_ms + 1}, make_counters(0.9), f"{ROUTE}: p99"),
        (
            {},
            make_counters(0.69),
            "The cache saved 69.0% of the reads' database time, 70% required.",
        ),
        ({}, None, "The cache saved an unknown share of"),
        (
            {},
            make_counters(0.9, queued=0.5),
            "50.0% of connections were not free at once, 2% allowed",
        ),
    ],
)
def test_each_breach_is_reported(
    changed: dict[str, float], counters: ServerCounters | None, message: str
) -> None:
    results = [make_result(**changed)]

    [breach] = find_breaches(results, ROUTES, STEADY, counters, min_requests=100)

    assert breach.startswith(message)


def test_probes_and_commands_are_neither_reads_nor_writes(monkeypatch: pytest.MonkeyPatch) -> None:
    seconds = {"GET /novels/": 1, "PATCH /novels/{novel_id}/": 3, "GET /readyz": 5, "worker": 7}
    lines = [
        f'morpheus_db_query_seconds_sum{{route="{route}"}} {value}'
        for route, value in seconds.items()
    ]
    text = "\n".join(["# TYPE morpheus_db_query_seconds histogram", *lines, ""])
    monkeypatch.setattr(server_counters, "urlopen", lambda url: io.BytesIO(text.encode()))

    counters = server_counters.read_counters("http://localhost")

    assert (counters.reads_s, counters.writes_s) == (1, 3)
    assert replace(counters, avoided_s=4).offload == 0.8
    assert replace(counters, avoided_s=4).offload_of_all == 0.5


def test_a_run_without_requests_does_not_pass() -> None:
    for profile in PROFILES.values():
        least = profile.min_requests(users=1, seconds=0)
        assert find_breaches([], ROUTES, profile, make_counters(1.0), min_requests=least)


def test_percentiles_of_a_few_responses_are_not_judged() -> None:
    def find_late(requests: int) -> list[str]:
        late = make_result(requests=requests, p95_ms=10_000, p99_ms=10_000)
        return [text.split()[2] for text in find_breaches([late], ROUTES, ANY_OFFLOAD, None)]

    assert (find_late(80), find_late(110), find_late(500)) == ([], ["p95"], ["p95", "p99"])


def test_a_slower_machine_may_take_as_much_longer_and_no_more() -> None:
    late = make_result(p95_ms=ROUTES[ROUTE].p95_ms * 1.4)

    def find_on(slowdown: float, result: RouteResult) -> list[str]:
        return find_breaches([result], ROUTES, ANY_OFFLOAD, None, slowdown=slowdown)

    assert find_on(1.5, late) == []
    assert find_on(1.3, late)
    assert find_on(0.1, late)
    # A faster machine may take what the budget allows.
    assert find_on(0.01, make_result()) == []


def test_a_profile_with_faults_allows_the_failures_of_a_restart_and_no_more() -> None:
    faults = PROFILES["faults"]

    assert find_breaches([make_result(failures=16, p95_ms=10_000)], ROUTES, faults, None) == []
    assert find_breaches([make_result(failures=17)], ROUTES, faults, None)


def run_python(code: str) -> subprocess.CompletedProcess[str]:
    """Run code in a process of its own, because locust patches the standard library."""
    root = Path(__file__).resolve().parents[4]
    return subprocess.run(
        [sys.executable, "-c", code], cwd=root, capture_output=True, text=True, check=False
    )


def test_the_load_test_imports_neither_django_nor_psycopg() -> None:
    process = run_python(
        "import sys, runpy; runpy.run_path('locustfile.py');"
        "sys.exit(', '.join({'django', 'psycopg'} & sys.modules.keys()) or 0)"
    )

    assert process.returncode == 0, process.stderr


def test_half_of_the_readers_are_logged_in_and_read_what_strangers_read() -> None:
    process = run_python(
        "from perf.lab.load.users import Reader, SessionReader, Stranger\n"
        "assert Stranger.weight == Reader.weight + SessionReader.weight\n"
        "for reader in (Reader, SessionReader):\n"
        "    assert {*Stranger.tasks} < {*reader.tasks}\n"
    )

    assert process.returncode == 0, process.stderr
