"""What the checks of the server's own measurements say."""

from __future__ import annotations

import pytest

from perf.monitoring.dashboard import checks
from perf.monitoring.dashboard.metrics import Sample, Samples
from tests.perf.monitoring.dashboard.conftest import histogram, of

REQUESTS = "morpheus_http_request_seconds"
QUERIES = "morpheus_db_query_seconds"


def said(verdict):
    return verdict.state, verdict.sentence.replace("\u00a0", " ")


def test_nothing_measured_is_not_called_good():
    nothing = Samples([])

    for ask in (checks.slowest_route, checks.errors, checks.slowest_kind, checks.offload):
        assert ask(nothing).state == "unknown"
    assert checks.pool(nothing).state == "unknown"


def test_the_route_that_is_closest_to_its_budget_is_named():
    found = of(
        histogram(REQUESTS, 0, 100, 0, 0, route="GET /search/", status="200"),
        histogram(REQUESTS, 100, 0, 0, 0, route="GET /novels/", status="200"),
        histogram(REQUESTS, 0, 0, 0, 100, route="GET /nowhere/", status="200"),
    )

    assert said(checks.slowest_route(found)) == (
        "good",
        "Slowest route: GET /search/ p95 95.5 ms of 200 ms.",
    )


def test_a_route_beyond_its_budget_is_bad_and_a_few_requests_are_no_proof():
    slow = histogram(REQUESTS, 0, 0, 100, 0, route="GET /search/", status="200")
    rare = histogram(REQUESTS, 0, 0, 0, 3, route="GET /novels/", status="200")

    assert said(checks.slowest_route(of(slow, rare))) == (
        "bad",
        "Slowest route: GET /search/ p95 955 ms of 200 ms.",
    )


@pytest.mark.parametrize(("faults", "state"), [(1, "good"), (2, "bad")])
def test_faults_are_compared_with_all_answers(faults, state):
    found = of(
        histogram(REQUESTS, 1000 - faults, 0, 0, 0, route="GET /novels/", status="200"),
        histogram(REQUESTS, faults, 0, 0, 0, route="GET /novels/", status="503"),
    )

    assert said(checks.errors(found)) == (
        state,
        f"Errors: {faults} of 1,000 answers were 500 or above, 0.1 % allowed.",
    )


def test_statements_of_commands_are_not_judged_as_those_of_requests():
    found = of(
        histogram(QUERIES, 100, 0, 0, 0, route="GET /novels/", kind="simple"),
        histogram(QUERIES, 0, 0, 0, 100, route="manage.py seed", kind="simple"),
    )

    assert said(checks.slowest_kind(found)) == (
        "good",
        "Statements: simple ones p95 9.5 ms of 100 ms.",
    )


@pytest.mark.parametrize(("avoided_s", "state", "percent"), [(9.0, "good", 90), (1.0, "bad", 50)])
def test_the_cache_is_judged_by_the_database_time_that_it_avoids(avoided_s, state, percent):
    found = of(
        histogram(QUERIES, 100, 0, 0, 0, seconds=1.0, route="GET /novels/", kind="simple"),
        [
            Sample(
                "morpheus_cache_requests_total", {"policy": "novels.card", "outcome": "hit"}, 100
            ),
            Sample("morpheus_cache_avoided_seconds", {"policy": "novels.card"}, avoided_s),
        ],
    )

    assert said(checks.offload(found)) == (
        state,
        f"Cache: {percent} % of database time avoided, 70 % wanted.",
    )


@pytest.mark.parametrize(
    ("waiting", "timeouts", "sentence"),
    [
        (0, 0, ("good", "Pool: 14 of 20 in use, nobody waiting.")),
        (2, 0, ("bad", "Pool: 14 of 20 in use, 2 waiting.")),
        (
            0,
            3,
            (
                "bad",
                "Pool: 14 of 20 in use, nobody waiting. 3 requests got no connection since the "
                "start.",
            ),
        ),
    ],
)
def test_a_pool_is_bad_when_somebody_waits_or_waited_in_vain(waiting, timeouts, sentence):
    figures = {"size_limit": 20, "in_use": 14, "waiting": waiting, "timeouts_total": timeouts}
    found = Samples(
        Sample(f"morpheus_db_pool_{name}", {"alias": "default"}, value)
        for name, value in figures.items()
    )

    assert said(checks.pool(found)) == sentence


@pytest.mark.parametrize(("free_mb", "state"), [(1024, "good"), (1023, "bad")])
def test_the_fullest_disk_is_compared_with_the_floor_of_uploads(settings, free_mb, state):
    settings.MORPHEUS_FREE_SPACE_BYTES = 512 << 20
    free = {"uploads": free_mb << 20, "temporary": 1 << 40}
    found = Samples(
        Sample("morpheus_disk_free_bytes", {"folder": folder}, size)
        for folder, size in free.items()
    )

    verdict = checks.disk(found)

    assert verdict.state == state
    assert "free for uploads; uploads are refused below 512" in verdict.sentence
    assert checks.disk(Samples([])).state == "unknown"
