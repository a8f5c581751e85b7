"""The totals of several processes on `/metrics` are those of the clients."""

from __future__ import annotations

import http.client
import random
from collections import Counter
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import Any

import pytest
from prometheus_client.parser import text_string_to_metric_families

from tests.serving import Server, environment_of_worker, wait_until

WORKERS = 4
CLIENTS = 5
REQUESTS = 80  # Of each client.

# URLs and their routes in the metrics.
ROUTES = {
    "/api/v1/novels/": "GET /novels/",
    "/api/v1/novels/?ordering=title": "GET /novels/",
    "/api/v1/novels/?ordering=nothing": "GET /novels/",
    "/api/v1/novels/0/": "GET /novels/{novel_id}/",
    "/api/v1/comics/": "GET /comics/",
    "/api/v1/users/me/": "GET /users/me/",
    "/nowhere/": "GET unmatched",
    "/healthz": "GET /healthz",
}


@pytest.fixture
def server(transactional_db: None, tmp_path: Path) -> Iterator[Server]:
    """Four processes on this worker's database, with the response cache."""
    metrics = tmp_path / "metrics"
    metrics.mkdir()
    served = Server(
        environment_of_worker(
            MORPHEUS_CACHE_SHADOW_PERCENT="50",
            MORPHEUS_PROCESSES=str(WORKERS),
            MORPHEUS_THREADS="2",
            PROMETHEUS_MULTIPROC_DIR=str(metrics),
        ),
        tmp_path / "server.log",
        workers=WORKERS,
        threads=2,
    )
    yield served
    served.stop()


def read_counts(server: Server) -> tuple[Counter[Any], dict[str, float]]:
    """Return responses by route and status, and the gauges of the pool."""
    connection = http.client.HTTPConnection("127.0.0.1", server.port, timeout=60)
    connection.request("GET", "/metrics", headers={"Host": "localhost"})
    text = connection.getresponse().read().decode()
    connection.close()
    responses: Counter[Any] = Counter()
    gauges: dict[str, float] = {}
    for family in text_string_to_metric_families(text):
        for sample in family.samples:
            if sample.name == "morpheus_http_request_seconds_count":
                responses[sample.labels["route"], int(sample.labels["status"])] += int(sample.value)
            elif sample.name.startswith("morpheus_db_pool_"):
                gauges[sample.name] = sample.value
    return responses, gauges


def visit(port: int, seed: int) -> Counter[Any]:
    """Send random requests on one connection; return the responses by route and status."""
    chance = random.Random(seed)  # noqa: S311
    seen: Counter[Any] = Counter()
    etags: dict[str, str] = {}
    connection = http.client.HTTPConnection("127.0.0.1", port, timeout=60)
    for _ in range(REQUESTS):
        url = chance.choice([*ROUTES])
        headers = {"Host": "localhost"}
        if url in etags and chance.random() < 0.5:
            headers["If-None-Match"] = etags[url]
        connection.request("GET", url, headers=headers)
        response = connection.getresponse()
        response.read()
        if etag := response.headers["ETag"]:
            etags[url] = etag
        seen[ROUTES[url], response.status] += 1
    connection.close()
    return seen


def test_the_totals_are_those_of_the_clients(
    server: Server, make_novels: Callable[..., list[Any]]
) -> None:
    make_novels(3)
    before, _ = read_counts(server)
    with ThreadPoolExecutor(CLIENTS) as threads:
        visits = threads.map(lambda seed: visit(server.port, seed), range(CLIENTS))
        clients: Counter[Any] = sum(visits, Counter())

    assert clients.total() == CLIENTS * REQUESTS
    assert {200, 304, 400, 401, 404} == {status for _, status in clients}
    wait_until(lambda: all_are_counted(server, before, clients))
    after, gauges = read_counts(server)
    ours = {route for route, _ in clients}
    assert {key: n for key, n in (after - before).items() if key[0] in ours} == clients
    # Two threads of each process may have a connection, and some have one.
    # Each looks at its own once a second, when it has one.
    wait_until(lambda: read_counts(server)[1]["morpheus_db_pool_size_limit"] == 2 * WORKERS)
    assert 1 <= gauges["morpheus_db_pool_size"] <= 2 * WORKERS
    assert gauges["morpheus_db_pool_requests_total"] > 0


def all_are_counted(server: Server, before: Counter[Any], clients: Counter[Any]) -> bool:
    """Return whether the last response is counted, which is sent before."""
    after, _ = read_counts(server)
    return all((after - before)[key] >= number for key, number in clients.items())
