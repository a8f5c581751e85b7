"""`mail_admins` reports slow queries by mail, seldom and without values or settings."""

from __future__ import annotations

import logging
from typing import Any

import pytest
from django.utils.log import AdminEmailHandler

from perf.monitoring.slow_queries.mail import RateLimitFilter

LOGGER = logging.getLogger("perf.monitoring.slow_queries")


@pytest.fixture
def mail_filter(monkeypatch: pytest.MonkeyPatch) -> RateLimitFilter:
    """Let the configured handler send its first mail."""
    (handler,) = [part for part in LOGGER.handlers if isinstance(part, AdminEmailHandler)]
    (limit,) = [part for part in handler.filters if isinstance(part, RateLimitFilter)]
    monkeypatch.setattr(limit, "_passed_at", float("-inf"))
    return limit


def sleep_mails(mails: list[Any]) -> list[Any]:
    return [mail for mail in mails if "pg_sleep" in mail.body]


@pytest.mark.usefixtures("everything_is_slow", "mail_filter")
def test_administrators_get_one_mail_however_many_statements_are_slow(
    run: Any, rows: Any, settings: Any, mailoutbox: list[Any]
) -> None:
    settings.ADMINS = [("ops@example.org", "ops@example.org")]
    settings.SECRET_KEY = "a-secret-of-the-settings"  # noqa: S105
    for _ in range(3):
        run("SELECT pg_sleep(0), %s", ["ann@example.org"], times=50)
        rows("SELECT pg_sleep(?), ?")

    (mail,) = sleep_mails(mailoutbox)
    assert mail.to == ["ops@example.org"]
    assert mail.subject == "[Morpheus] WARNING: slow_query"
    assert "SELECT pg_sleep(?), ?" in mail.body and "/admin/perf/slow/" in mail.body
    assert "ann@example.org" not in mail.body and "SECRET" not in mail.body


@pytest.mark.usefixtures("everything_is_slow", "mail_filter")
def test_without_admins_no_mail_is_sent(run: Any, rows: Any, mailoutbox: list[Any]) -> None:
    run()
    rows()

    assert mailoutbox == []


def test_one_record_passes_per_interval(monkeypatch: pytest.MonkeyPatch) -> None:
    record = logging.makeLogRecord({})
    now = 100.0
    monkeypatch.setattr("perf.monitoring.slow_queries.mail.time.monotonic", lambda: now)
    limit = RateLimitFilter(interval_s=600)

    assert [limit.filter(record) for _ in range(3)] == [True, False, False]
    now = 700.0
    assert limit.filter(record)
