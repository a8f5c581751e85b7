"""The overview lists failures first; a check that raises becomes unknown."""

from __future__ import annotations

from typing import Any

import pytest
from django.db import OperationalError
from django.test import Client

from perf.monitoring.dashboard.check_runner import (
    Check,
    CheckResult,
    good_if,
    run_checks,
    summarize,
)
from perf.monitoring.dashboard.checks import list_checks
from perf.monitoring.dashboard.samples import read_samples
from perf.monitoring.statistics.limited_queries import StatisticsUnavailable
from tests.perf.monitoring.dashboard.conftest import text_of, url


def make_check(subject: str, result: CheckResult | Exception) -> Check:
    def run() -> CheckResult:
        if isinstance(result, Exception):
            raise result
        return result

    return Check(subject, "perf_tables", run)


def test_failures_come_first_and_checks_without_enough_measurements_last() -> None:
    finished = run_checks(
        [
            make_check("D", CheckResult("waiting", "not enough requests yet.")),
            make_check("A", good_if(True, "fine.")),
            make_check("B", CheckResult("unknown", "not readable.")),
            make_check("C", good_if(False, "broken.")),
        ]
    )

    assert [check.subject for check, _ in finished] == ["C", "B", "A", "D"]
    assert summarize(finished) == (
        "1 of 4 checks pass, 1 fails, 1 is unknown, 1 does not have enough measurements yet."
    )
    assert summarize(finished[2:]) == (
        "1 of 2 checks pass, 1 does not have enough measurements yet."
    )


def test_a_check_that_raises_is_unknown_and_the_others_run(caplog: Any) -> None:
    finished = run_checks(
        [
            make_check("Fault", ZeroDivisionError()),
            make_check("Locked", StatisticsUnavailable("A table is locked.")),
            make_check("Fine", good_if(True, "it is.")),
        ]
    )

    results = [(check.subject, result.state, result.sentence) for check, result in finished]
    assert results == [
        (
            "Fault",
            "unknown",
            "unknown. It failed with ZeroDivisionError; the log has the details.",
        ),
        ("Locked", "unknown", "unknown. A table is locked."),
        ("Fine", "good", "it is."),
    ]
    assert "ZeroDivisionError" in caplog.text


def test_a_lost_database_is_raised() -> None:
    with pytest.raises(OperationalError):
        run_checks([make_check("Lost", OperationalError("the connection is closed"))])


@pytest.mark.django_db
def test_every_check_returns_a_sentence_and_is_on_the_page(site: Client) -> None:
    finished = run_checks(list_checks(read_samples()))
    page = text_of(site.get(url("overview")))

    for check, result in finished:
        assert result.sentence.endswith(".")
        assert "unknown. " not in result.sentence, result.sentence
        assert f"<strong>{check.subject}:</strong>" in page


def test_a_check_that_cannot_be_read_is_on_the_page(connect: Any, site: Client) -> None:
    connect("superuser").execute("ALTER FUNCTION morpheus_sessions() RENAME TO hidden")
    try:
        page = site.get(url("overview"))
    finally:
        connect("superuser").execute("ALTER FUNCTION hidden() RENAME TO morpheus_sessions")

    assert page.status_code == 200
    assert "Oldest transaction:</strong> unknown. PostgreSQL lacks a function" in text_of(page)
