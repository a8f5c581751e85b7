"""The history of the main figures: the stored samples, and the figures of a window."""

from __future__ import annotations

from collections.abc import Callable
from datetime import timedelta
from typing import Any

import pytest
from django.test import Client
from django.utils import timezone
from rest_framework.test import APIClient

from morpheus.worker.housekeeping import run_jobs
from perf.models import MetricsSample
from perf.monitoring import history
from perf.monitoring.history import INTERVAL, ROW_AGE, read_history, store_sample
from tests.perf.monitoring.dashboard.conftest import site as site
from tests.perf.monitoring.dashboard.conftest import text_of, url

pytestmark = pytest.mark.django_db

NOVELS = "GET /novels/"
EDGES_MS = [10.0, 100.0, 1000.0]
MINUTE = timedelta(minutes=1)
FIGURES = {"edges_ms": EDGES_MS, "avoided": 0, "spent": 0, "slow": 0, "timeouts": 0, "fill": 0.0}


def add(source: str, ago: timedelta, *counts: int, **figures: Any) -> None:
    """Store the counters that a server had since its start."""
    MetricsSample.objects.create(
        source=source,
        taken_at=timezone.now() - ago,
        figures=FIGURES | {"routes": {NOVELS: counts}} | figures,
    )


@pytest.mark.django_db(transaction=True)
def test_one_process_of_a_server_stores_the_sample_of_an_interval(
    api: APIClient, make_novels: Callable[..., Any], monkeypatch: pytest.MonkeyPatch
) -> None:
    make_novels(1)
    assert api.get("/api/v1/novels/").status_code == 200

    for _ in range(2):
        # As a process that has stored none.
        monkeypatch.setattr(history, "_stored_at", None)
        store_sample()

    sample = MetricsSample.objects.get()
    assert sum(sample.figures["routes"][NOVELS]) >= 1
    assert sample.taken_at.timestamp() % INTERVAL.total_seconds() == 0
    assert timezone.now() - sample.taken_at < INTERVAL + MINUTE


@pytest.mark.django_db(transaction=True)
def test_without_a_request_nothing_is_stored(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(history, "_read_figures", lambda: FIGURES | {"routes": {}})
    monkeypatch.setattr(history, "_stored_at", None)

    store_sample()

    assert not MetricsSample.objects.exists()


def test_a_window_has_the_growth_of_its_time_alone() -> None:
    add("one", 70 * MINUTE, 900, 0, 0, 0, avoided=50, spent=50, slow=3)
    add("one", 31 * MINUTE, 900, 0, 200, 0, avoided=120, spent=60, slow=3)
    add("one", 1 * MINUTE, 950, 0, 200, 0, avoided=140, spent=80, slow=4)

    hour = read_history("hour")

    [route] = hour.routes
    assert (route.route, route.times.counts) == (NOVELS, (50, 0, 200, 0))
    assert 900 < (route.p95_ms or 0) < 1000
    assert route.state == "bad"
    parts = {number: value for number, value in enumerate(route.parts) if value}
    assert list(parts) == [5, 11]
    assert parts[11] < 10
    assert hour.whole.offload == pytest.approx(90 / 120)
    assert hour.slow == [0] * 11 + [1]
    [of_day] = read_history("day").routes
    assert of_day.times.count == 1150
    assert len(of_day.parts) == 24


def test_all_servers_count_and_a_restart_begins_at_zero() -> None:
    add("one", 90 * MINUTE, 1000, 0, 0, 0)
    add("one", 40 * MINUTE, 1010, 0, 0, 0, fill=0.25)
    add("one, started again", 20 * MINUTE, 5, 0, 0, 0, fill=0.75, timeouts=2)
    add("two", 90 * MINUTE, 0, 7, 0, 0)
    add("two", 20 * MINUTE, 0, 10, 0, 0)

    hour = read_history("hour")

    assert [*hour.routes[0].times.counts] == [15, 3, 0, 0]
    assert (hour.whole.fill, hour.whole.timeouts, sum(hour.timeouts)) == (0.75, 2, 2)


def test_old_samples_are_deleted() -> None:
    add("one", ROW_AGE + MINUTE, 1, 0, 0, 0)
    add("one", ROW_AGE - MINUTE, 1, 0, 0, 0)

    assert run_jobs()["metrics_samples"] == 1

    assert MetricsSample.objects.count() == 1


@pytest.mark.parametrize("window", ["hour", "day", "week"])
def test_the_page_shows_each_window(site: Client, window: str) -> None:
    add("one", 2 * MINUTE, 990, 10, 0, 0, avoided=30, spent=10, slow=2, fill=0.5)

    page = text_of(site.get(url("history"), {"window": window}))

    assert f"The last {window}" in page
    assert "GET /novels/</a>" in page
    assert "75 %" in page and "50 %" in page
    assert page.count('class="chart small"') == 5


def test_an_unknown_window_is_the_day_and_an_empty_one_says_so(site: Client) -> None:
    page = text_of(site.get(url("history"), {"window": "<b>"}))

    assert "The last day" in page
    assert "There is no sample yet" in page
