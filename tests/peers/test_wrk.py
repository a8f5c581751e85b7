"""wrk sends requests in turn, and reports errors."""

from __future__ import annotations

import os
import threading
from collections.abc import Iterator
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer

import pytest

from perf.lab.example_requests import HttpRequest, bearer
from perf.lab.harness.http_client import BadResponse
from perf.lab.harness.servers import Servers
from perf.lab.peers.measure import drive, measure
from tests.constant_bytes import CONSTANT_BYTES

# Path, Host and Authorization of each request.
Received = list[tuple[str, str | None, str | None]]


class Handler(BaseHTTPRequestHandler):
    protocol_version = "HTTP/1.1"
    received: Received = []

    def do_GET(self) -> None:
        self.received.append((self.path, self.headers["Host"], self.headers["Authorization"]))
        self.send_response(404 if self.path == "/missing" else 200)
        self.send_header("Content-Length", "0")
        self.end_headers()

    def log_message(self, *args: object) -> None:
        """Stay silent."""


@pytest.fixture
def port() -> Iterator[int]:
    Handler.received.clear()
    with ThreadingHTTPServer(("127.0.0.1", 0), Handler) as server:
        threading.Thread(target=server.serve_forever, daemon=True).start()
        yield server.server_port
        server.shutdown()


def test_requests_are_sent_in_turn_with_their_headers(port: int) -> None:
    requests = [HttpRequest("GET", path, bearer("secret")) for path in ("/a", "/b?c=d", "/e")]

    result = drive(port, requests, connections=1, seconds=1)

    paths, hosts, credentials = zip(*Handler.received, strict=True)
    assert {*paths[:3]} == {"/a", "/b?c=d", "/e"}
    assert paths[3:6] == paths[:3]
    assert {*hosts} == {"localhost"}
    assert {*credentials} == {"Bearer secret"}
    assert 0 < result.responses <= len(paths)
    assert 0 < result.per_second
    assert 0 < result.p99_ms


def test_an_error_ends_the_measurement(port: int) -> None:
    requests = [HttpRequest("GET", "/a"), HttpRequest("GET", "/missing")]

    with pytest.raises(BadResponse, match="wrk saw errors"):
        drive(port, requests, connections=2, seconds=1)


def test_a_server_is_measured_with_the_cpu_time_of_its_processes() -> None:
    with Servers(1, environment={}, application=CONSTANT_BYTES, probe="/1") as server:
        request = HttpRequest("GET", "/100000")
        figures = measure(server, [request], seconds=1, connections=4)

    assert figures.per_second > 0 < figures.p99_ms
    # Less than the whole machine had, and not nothing.
    assert 0 < figures.cpu_us * figures.per_second < 1_000_000 * (os.cpu_count() or 1)
