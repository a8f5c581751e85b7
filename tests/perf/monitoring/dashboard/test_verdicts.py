"""The first page: what is bad comes first, and a check that fails says so."""

from __future__ import annotations

import pytest
from django.db import OperationalError

from perf.monitoring.dashboard.checks import checks
from perf.monitoring.dashboard.metrics import samples
from perf.monitoring.dashboard.verdicts import Check, good_if, run, summary, unknown
from perf.monitoring.statistics.reading import StatsUnavailable
from tests.perf.monitoring.dashboard.conftest import text_of, url


def check(subject, verdict):
    def ask():
        if isinstance(verdict, Exception):
            raise verdict
        return verdict

    return Check(subject, "perf_tables", ask)


def test_what_is_bad_comes_first_and_what_is_not_known_next():
    checked = run(
        [
            check("A", good_if(True, "A: fine.")),
            check("B", unknown("B: nobody knows.")),
            check("C", good_if(False, "C: broken.")),
        ]
    )

    assert [one.verdict.sentence[0] for one in checked] == ["C", "B", "A"]
    assert summary(checked) == "1 checks are good, 1 is not, 1 is not known."


def test_a_check_that_fails_says_so_and_the_others_are_asked(caplog):
    checked = run(
        [
            check("Fault", ZeroDivisionError()),
            check("Locked", StatsUnavailable("A table is locked.")),
            check("Fine", good_if(True, "Fine: it is.")),
        ]
    )

    said = [(one.verdict.state, one.verdict.sentence) for one in checked]
    assert said == [
        ("unknown", "Fault: not known. It failed with ZeroDivisionError; the log has the details."),
        ("unknown", "Locked: not known. A table is locked."),
        ("good", "Fine: it is."),
    ]
    assert "ZeroDivisionError" in caplog.text


def test_a_lost_database_is_no_verdict():
    with pytest.raises(OperationalError):
        run([check("Lost", OperationalError("the connection is closed"))])


@pytest.mark.django_db
def test_every_check_answers_in_a_sentence_and_leads_somewhere(site):
    checked = run(checks(samples()))
    page = text_of(site.get(url("overview")))

    for one in checked:
        assert one.verdict.sentence.endswith(".") and ": " in one.verdict.sentence
        assert "not known. " not in one.verdict.sentence, one.verdict.sentence
        assert f"<strong>{one.subject}</strong>" in page


def test_a_check_that_cannot_be_read_is_on_the_page(connect, site):
    connect("superuser").execute("ALTER FUNCTION morpheus_sessions() RENAME TO hidden")
    try:
        page = site.get(url("overview"))
    finally:
        connect("superuser").execute("ALTER FUNCTION hidden() RENAME TO morpheus_sessions")

    assert page.status_code == 200
    assert "Transactions:</strong> not known. PostgreSQL lacks a function" in text_of(page)
