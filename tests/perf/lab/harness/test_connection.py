"""Clients that receive whole responses, from servers that are started for them."""

from __future__ import annotations

import socket
import threading
from collections.abc import Iterator
from contextlib import closing
from pathlib import Path

import psutil
import pytest

from perf.lab.example_requests import HttpRequest
from perf.lab.harness.http_client import BadResponse, Connection
from perf.lab.harness.measurements import percentile
from perf.lab.harness.servers import ServerFailed, Servers
from tests.constant_bytes import CONSTANT_BYTES

REFUSAL = (
    b"HTTP/1.1 503 Service Unavailable\r\nRetry-After: 1\r\nContent-Length: 0\r\n"
    b'Server-Timing: db;desc="0 queries";dur=0, cache;desc="miss"\r\n\r\n'
)
FAILURE = REFUSAL.replace(b"0 queries", b"1 query")
SUCCESS = b"HTTP/1.1 200 OK\r\nContent-Length: 2\r\n\r\nok"


@pytest.fixture(scope="module")
def port() -> Iterator[int]:
    with Servers(1, environment={}, application=CONSTANT_BYTES, probe="/1") as servers:
        yield servers.ports[0]


def test_a_connection_receives_whole_responses(port: int) -> None:
    connection = Connection(port)

    assert len(connection.get("/300000").require_ok().body) == 300_000
    connection.close()


def test_a_missing_server_and_another_status_are_errors() -> None:
    with pytest.raises(ConnectionRefusedError):
        Connection(9).get("/")
    with pytest.raises(BadResponse, match="503"), closing(Connection(serve(FAILURE))) as connection:
        connection.get("/").require_ok()


def test_a_percentile_is_the_value_that_a_share_does_not_exceed() -> None:
    ms = [float(number) for number in range(1, 201)]

    assert percentile(ms, 0.99) == 198
    assert percentile([5.0], 0.5) == 5


def test_a_connection_is_opened_again_after_it_broke(port: int) -> None:
    connection = Connection(port)
    connection.open().shutdown(socket.SHUT_RDWR)

    with pytest.raises((BadResponse, OSError)):
        connection.get("/5")
    assert connection.get("/5").body == b"xxxxx"
    connection.close()


def test_a_server_that_does_not_start_is_reported() -> None:
    settings = {"DJANGO_SETTINGS_MODULE": "perf.lab.no_such_settings"}

    with pytest.raises(ServerFailed, match="does not start"):
        with Servers(1, environment=settings):
            raise AssertionError("It started.")


def test_servers_share_their_metrics_as_in_production_and_leave_no_file() -> None:
    with Servers(1, environment={}, application=CONSTANT_BYTES, probe="/1") as servers:
        environment = psutil.Process(servers.pids[0]).environ()
        folder = Path(environment["PROMETHEUS_MULTIPROC_DIR"])
        assert folder.is_dir()

    assert not folder.exists()


def serve(*responses: bytes) -> int:
    """Send these responses to the requests of one connection; return the port."""
    listener = socket.create_server(("127.0.0.1", 0))

    def respond() -> None:
        accepted, _ = listener.accept()
        with accepted, listener:
            for response in responses:
                accepted.recv(65536)
                accepted.sendall(response)

    threading.Thread(target=respond, daemon=True).start()
    return int(listener.getsockname()[1])


def test_a_refused_request_is_sent_again_and_counted() -> None:
    connection = Connection(serve(REFUSAL, REFUSAL, SUCCESS))

    response = connection.exchange_with_retries(HttpRequest("POST", "/"), longest_pause_s=0.01)

    assert (response.status, connection.retries) == (200, 2)
    connection.close()


def test_a_write_that_may_have_happened_is_not_sent_again() -> None:
    connection = Connection(serve(FAILURE, SUCCESS))

    response = connection.exchange_with_retries(HttpRequest("POST", "/"), longest_pause_s=0.01)

    assert (response.status, connection.retries) == (503, 0)
    connection.close()
