"""What a server process has observed outlives it, and `/metrics` shows every request before."""

from __future__ import annotations

import http.client
import json
from collections import Counter
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import Any

import pytest
from prometheus_client.parser import text_string_to_metric_families

from tests.serving import Server, environment_of_worker, wait_until

CLIENTS = 4
# The response cache has some, and others are read from the database or do not exist.
URLS = ("/api/v1/novels/", "/api/v1/comics/", "/api/v1/users/me/", "/nowhere/")


@pytest.fixture
def server(
    transactional_db: None, tmp_path: Path, make_novels: Callable[..., list[Any]]
) -> Iterator[Server]:
    make_novels(3)
    log = tmp_path / "server.log"
    served = Server(environment_of_worker(MORPHEUS_THREADS="4"), log, threads=4)
    yield served
    served.stop()


def send_until_the_end(server: Server, responses: list[str]) -> None:
    """Send requests until the server ends; add the ids of the responses that arrived whole."""
    connection = http.client.HTTPConnection("127.0.0.1", server.port, timeout=60)
    try:
        while True:
            for url in URLS:
                connection.request("GET", url, headers={"Host": "localhost"})
                response = connection.getresponse()
                response.read()
                responses.append(response.headers["X-Request-ID"])
    except (OSError, http.client.HTTPException):
        pass
    finally:
        connection.close()


def test_after_a_stop_the_log_has_a_line_of_every_response(
    server: Server,
) -> None:
    """The server is stopped while clients send one request after another."""
    responses: list[str] = []
    with ThreadPoolExecutor(CLIENTS) as threads:
        for _ in range(CLIENTS):
            threads.submit(send_until_the_end, server, responses)
        wait_until(lambda: len(responses) > 500)
        server.stop()

    lines = [json.loads(line) for line in server.log.read_text().splitlines()]
    requests = [line for line in lines if line["event"] == "request"]
    logged = Counter(line["request_id"] for line in requests)
    assert set(responses) <= logged.keys()
    assert {logged[identifier] for identifier in responses} == {1}
    hits = [line for line in requests if line["cache_hits"] and not line["queries"]]
    assert len(hits) > len(responses) / 4, "the response cache took part"


def test_metrics_show_every_request_before(server: Server) -> None:
    count = 50
    responses = [server.get("/novels/") for _ in range(count)]
    hits = [each for each in responses if 'cache;desc="hit"' in each.headers["Server-Timing"]]

    connection = http.client.HTTPConnection("127.0.0.1", server.port, timeout=60)
    connection.request("GET", "/metrics", headers={"Host": "localhost"})
    text = connection.getresponse().read().decode()
    connection.close()
    values = {
        (sample.name, *sample.labels.values()): sample.value
        for family in text_string_to_metric_families(text)
        for sample in family.samples
    }
    assert values["morpheus_http_request_seconds_count", "GET /novels/", "200"] == count
    assert values["morpheus_http_request_queries_count", "GET /novels/"] == count
    assert values["morpheus_cache_requests_total", "hit", "responses"] == len(hits) > count / 2
