"""Who has no Prometheus is told by signal, e-mail or webhook."""

from __future__ import annotations

import json
import threading
from collections.abc import Iterator
from http.server import BaseHTTPRequestHandler, HTTPServer
from typing import Any

import pytest

from perf.monitoring.slow_queries import alerts
from perf.monitoring.slow_queries.signals import slow_query_recorded
from tests.perf.monitoring.slow_queries.conftest import HERE


@pytest.fixture
def webhook(settings: Any) -> Iterator[list[Any]]:
    """Collect what is posted to the webhook; at /broken it answers 500."""
    posted: list[Any] = []

    class Handler(BaseHTTPRequestHandler):
        def do_POST(self) -> None:
            body = self.rfile.read(int(self.headers["Content-Length"]))
            posted.append((self.headers["Content-Type"], json.loads(body)))
            self.send_response(500 if self.path.startswith("/broken") else 204)
            self.end_headers()

        def log_message(self, *_: Any) -> None:
            pass

    with HTTPServer(("127.0.0.1", 0), Handler) as server:
        thread = threading.Thread(target=server.serve_forever, args=[0.01])
        thread.start()
        settings.SLOW_QUERY_WEBHOOK_URL = f"http://127.0.0.1:{server.server_port}/hook?key=secret"
        yield posted
        alerts.finish(30)
        server.shutdown()
        thread.join()


def of_sleep(posted: list[Any]) -> list[Any]:
    return [what for _, what in posted if what["statement"] == "SELECT pg_sleep(?)"]


def test_a_webhook_is_told_once_per_statement(
    run: Any, rows: Any, everything_is_slow: None, webhook: list[Any]
) -> None:
    for _ in range(2):
        run(times=3)
        (row,) = rows()
    alerts.finish(30)

    assert {kind for kind, _ in webhook} == {"application/json"}
    (told,) = of_sleep(webhook)
    assert told["count"] == 3
    assert told["text"] == f"A statement of {HERE} took {told['ms']:,.0f} ms."
    assert (told["event"], told["route"], told["kind"], told["fingerprint"]) == (
        *("slow_query", HERE, "simple"),
        row.fingerprint,
    )


def test_a_webhook_that_fails_is_counted_and_its_address_is_not_logged(
    run: Any,
    rows: Any,
    everything_is_slow: None,
    webhook: list[Any],
    settings: Any,
    grown: Any,
    caplog: Any,
) -> None:
    settings.SLOW_QUERY_WEBHOOK_URL = settings.SLOW_QUERY_WEBHOOK_URL.replace("hook", "broken")
    run()
    rows()
    alerts.finish(30)

    assert grown("morpheus_db_slow_query_alerts_total", channel="webhook", outcome="failed") >= 1
    assert "An alert by webhook failed: HTTPError" in caplog.text
    assert "secret" not in caplog.text


def test_administrators_get_an_email(
    run: Any, rows: Any, everything_is_slow: None, settings: Any, mailoutbox: list[Any]
) -> None:
    settings.ADMINS = [("ops@example.org", "ops@example.org")]
    run()
    rows()
    alerts.finish(30)

    (mail,) = [mail for mail in mailoutbox if "pg_sleep" in mail.body]
    assert mail.to == ["ops@example.org"]
    assert f"A statement of {HERE} took" in mail.subject
    assert "statement: SELECT pg_sleep(?)" in mail.body


def test_nobody_is_told_unless_the_settings_say_whom(
    run: Any, rows: Any, everything_is_slow: None, mailoutbox: list[Any]
) -> None:
    run()

    (row,) = rows()
    assert row.alerted_at is None
    assert mailoutbox == []


def test_a_receiver_that_fails_stops_neither_rows_nor_others(
    run: Any, rows: Any, everything_is_slow: None, told: list[Any], caplog: Any
) -> None:
    def fail(**_: Any) -> None:
        raise RuntimeError("a fault of theirs")

    slow_query_recorded.connect(fail)
    try:
        run()
        (row,) = rows()
    finally:
        slow_query_recorded.disconnect(fail)

    assert row.plan is not None
    assert row.fingerprint in {seen.shape.fingerprint for seen in told}
    assert "a fault of theirs" in caplog.text
