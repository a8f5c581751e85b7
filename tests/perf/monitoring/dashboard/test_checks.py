"""The checks of the server's own measurements."""

from __future__ import annotations

from types import SimpleNamespace
from typing import Any

import pytest
from prometheus_client.samples import Sample

from perf.monitoring.dashboard import checks
from perf.monitoring.dashboard.check_runner import CheckResult
from perf.monitoring.dashboard.samples import Samples
from perf.monitoring.statistics import connections, statements
from tests.perf.monitoring.dashboard.conftest import combine, make_histogram

REQUESTS = "morpheus_http_request_seconds"
QUERIES = "morpheus_db_query_seconds"


def outcome(result: CheckResult) -> tuple[str, str]:
    return result.state, result.sentence.replace("\u00a0", " ")


def test_without_measurements_a_check_waits() -> None:
    nothing = Samples([])

    for check in (
        *(checks.check_routes, checks.check_errors, checks.check_kinds),
        *(checks.check_offload, checks.check_pools),
    ):
        assert check(nothing).state == "waiting"


def test_the_route_that_uses_most_of_its_budget_is_named() -> None:
    samples = combine(
        make_histogram(REQUESTS, 0, 100, 0, 0, route="GET /search/", status="200"),
        make_histogram(REQUESTS, 100, 0, 0, 0, route="GET /novels/", status="200"),
        make_histogram(REQUESTS, 0, 0, 0, 100, route="GET /nowhere/", status="200"),
    )

    assert outcome(checks.check_routes(samples)) == (
        "good",
        "GET /search/ p95 95.5 ms, limit 200 ms.",
    )


def test_a_route_over_its_budget_fails_and_the_first_requests_do_not_count() -> None:
    slow = make_histogram(REQUESTS, 0, 0, 100, 0, route="GET /search/", status="200")
    rare = make_histogram(REQUESTS, 0, 0, 0, 99, route="GET /novels/", status="200")

    assert outcome(checks.check_routes(combine(slow, rare))) == (
        "bad",
        "GET /search/ p95 955 ms, limit 200 ms.",
    )


@pytest.mark.parametrize(("errors", "state"), [(1, "good"), (2, "bad")])
def test_errors_are_compared_with_all_responses(errors: int, state: str) -> None:
    samples = combine(
        make_histogram(REQUESTS, 1000 - errors, 0, 0, 0, route="GET /novels/", status="200"),
        make_histogram(REQUESTS, errors, 0, 0, 0, route="GET /novels/", status="503"),
    )

    assert outcome(checks.check_errors(samples)) == (
        state,
        f"{errors} of 1,000 responses were 5xx, limit 0.1 %.",
    )


def test_statements_of_commands_are_not_compared() -> None:
    samples = combine(
        make_histogram(QUERIES, 100, 0, 0, 0, route="GET /novels/", kind="simple"),
        make_histogram(QUERIES, 0, 0, 0, 100, route="manage.py seed", kind="simple"),
    )

    assert outcome(checks.check_kinds(samples)) == (
        "good",
        "simple p95 9.5 ms, limit 100 ms.",
    )


@pytest.mark.parametrize(("avoided_s", "state", "percent"), [(9.0, "good", 90), (1.0, "bad", 50)])
def test_the_cache_is_compared_by_the_database_time_that_it_avoids(
    avoided_s: float, state: str, percent: int
) -> None:
    samples = combine(
        make_histogram(REQUESTS, 1000, 0, 0, 0, route="GET /novels/", status="200"),
        make_histogram(QUERIES, 100, 0, 0, 0, seconds=1.0, route="GET /novels/", kind="simple"),
        # Pages of the admin are not cached.
        make_histogram(QUERIES, 9, 0, 0, 0, seconds=500, route="GET /admin/", kind="simple"),
        [Sample("morpheus_cache_avoided_seconds", {"policy": "novels.card"}, avoided_s)],
    )

    assert outcome(checks.check_offload(samples)) == (
        state,
        f"{percent} % of database time avoided, target 70 %.",
    )


def test_the_cache_is_not_judged_by_the_requests_that_fill_it() -> None:
    samples = combine(
        make_histogram(REQUESTS, 39, 0, 0, 0, route="GET /novels/", status="200"),
        make_histogram(REQUESTS, 5000, 0, 0, 0, route="GET /admin/", status="200"),
        make_histogram(REQUESTS, 5000, 0, 0, 0, route="HEAD /healthz", status="200"),
        make_histogram(REQUESTS, 5000, 0, 0, 0, route="GET unmatched", status="200"),
        make_histogram(QUERIES, 100, 0, 0, 0, seconds=1.0, route="GET /novels/", kind="simple"),
        [Sample("morpheus_cache_avoided_seconds", {"policy": "novels.card"}, 0.05)],
    )

    assert outcome(checks.check_offload(samples)) == (
        "waiting",
        "there are not enough requests of the API yet, 39 of 1,000.",
    )


@pytest.mark.parametrize(
    ("waiting", "timeouts", "sentence"),
    [
        (0, 0, ("good", "14 of 20 connections in use, 0 threads waiting.")),
        (2, 0, ("bad", "14 of 20 connections in use, 2 threads waiting.")),
        (
            0,
            3,
            (
                "bad",
                "14 of 20 connections in use, 0 threads waiting. 3 pool timeouts since the server "
                "started.",
            ),
        ),
    ],
)
def test_a_pool_fails_with_waiting_threads_or_timeouts(
    waiting: int, timeouts: int, sentence: tuple[str, str]
) -> None:
    figures = {"size_limit": 20, "in_use": 14, "waiting": waiting, "timeouts_total": timeouts}
    samples = Samples(
        Sample(f"morpheus_db_pool_{name}", {"alias": "default"}, value)
        for name, value in figures.items()
    )

    assert outcome(checks.check_pools(samples)) == sentence


@pytest.mark.parametrize(("free_mb", "state"), [(1024, "good"), (1023, "bad")])
def test_the_fullest_disk_is_compared_with_the_limit_of_uploads(
    settings: Any, free_mb: int, state: str
) -> None:
    settings.MORPHEUS_FREE_SPACE_BYTES = 512 << 20
    free = {"uploads": free_mb << 20, "temporary": 1 << 40}
    samples = Samples(
        Sample("morpheus_disk_free_bytes", {"folder": folder}, size)
        for folder, size in free.items()
    )

    result = checks.check_disk(samples)

    assert result.state == state
    assert "free for uploads; uploads are refused below 512" in result.sentence
    assert checks.check_disk(Samples([])).state == "waiting"


@pytest.mark.parametrize(
    ("page_reads", "hit_ratio", "sentence"),
    [
        (5_000, 0.5, ("waiting", "there are not enough page reads yet, 5,000 of 2 million.")),
        (2_000_000, 0.98, ("bad", "98 % of page reads were hits, target 99 %.")),
        (2_000_000, 0.99, ("good", "99 % of page reads were hits, target 99 %.")),
    ],
)
def test_shared_buffers_are_judged_by_many_page_reads_of_the_service(
    monkeypatch: pytest.MonkeyPatch, page_reads: int, hit_ratio: float, sentence: tuple[str, str]
) -> None:
    totals = SimpleNamespace(buffers=page_reads, hit_ratio=hit_ratio)
    monkeypatch.setattr(statements, "totals", lambda: totals)

    assert outcome(checks.check_shared_buffers()) == sentence


@pytest.mark.parametrize(("role", "state"), [("-", "good"), ("morpheus_app", "bad")])
def test_a_transaction_of_autovacuum_may_be_old(
    monkeypatch: pytest.MonkeyPatch, role: str, state: str
) -> None:
    session = SimpleNamespace(role=role, state="active", waiting=0, transaction_s=600.0)
    monkeypatch.setattr(connections, "sessions", lambda: [session])

    assert checks.check_transactions().state == state
