"""The page of metrics of a worker."""

from __future__ import annotations

import http.client
import socket

import pytest
from django.core.management import CommandError, call_command
from pytest_django import Settings

from morpheus.worker.metrics_page import serve_metrics

pytestmark = pytest.mark.django_db(transaction=True)

TOKEN = "a token for scraping"


def fetch(port: int, path: str, token: str = TOKEN) -> tuple[int, bytes]:
    connection = http.client.HTTPConnection("127.0.0.1", port, timeout=30)
    try:
        connection.request("GET", path, headers={"Authorization": f"Bearer {token}"})
        response = connection.getresponse()
        return response.status, response.read()
    finally:
        connection.close()


def test_the_page_has_the_metrics_of_the_process_and_needs_the_token(settings: Settings) -> None:
    settings.MORPHEUS_METRICS_TOKEN = TOKEN
    port = serve_metrics("127.0.0.1", 0)

    status, page = fetch(port, "/metrics")

    assert status == 200 and b"\nmorpheus_housekeeping_finished_timestamp_seconds " in page
    assert fetch(port, "/metrics", "another")[0] == 403
    assert fetch(port, "/api/v1/novels/")[0] == 404


def test_a_used_port_is_refused_before_the_first_task() -> None:
    with socket.create_server(("127.0.0.1", 0)) as taken:
        port = taken.getsockname()[1]
        with pytest.raises(CommandError, match=f"Cannot serve /metrics on 127.0.0.1:{port}"):
            call_command("worker", "--batch", "--metrics-port", port)
