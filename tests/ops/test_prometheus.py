"""A real Prometheus scrapes a running server and evaluates the rules."""

from __future__ import annotations

import http.client
from collections.abc import Iterator
from pathlib import Path

import psycopg
import pytest

from morpheus.embedded.supervisor import EmbeddedServices
from tests.serving import Server, environment, wait_until

from .prometheus import OPS, Prometheus, promtool

TOKEN = "a token for scraping"


@pytest.fixture(scope="module")
def slow_server(
    services: EmbeddedServices, tmp_path_factory: pytest.TempPathFactory
) -> Iterator[Server]:
    """A server for which every statement is slow."""
    folder = tmp_path_factory.mktemp("metrics")
    settings = {
        "MORPHEUS_METRICS_TOKEN": TOKEN,
        "MORPHEUS_SLOW_QUERY_MS": "0.000001",
        "MORPHEUS_CACHE": "",
    }
    settings |= {"PROMETHEUS_MULTIPROC_DIR": str(folder)}
    server = Server(environment(services.var, **settings), services.var / "slow_server.log")
    yield server
    server.stop()


@pytest.fixture(scope="module")
def prometheus(
    slow_server: Server, tmp_path_factory: pytest.TempPathFactory
) -> Iterator[Prometheus]:
    prometheus = Prometheus(tmp_path_factory.mktemp("prometheus"), slow_server.port, TOKEN)
    yield prometheus
    prometheus.stop()


def read_page(server: Server, token: str) -> tuple[int, bytes]:
    connection = http.client.HTTPConnection("127.0.0.1", server.port, timeout=30)
    try:
        connection.request("GET", "/metrics", headers={"Authorization": f"Bearer {token}"})
        response = connection.getresponse()
        return response.status, response.read()
    finally:
        connection.close()


def test_the_page_is_valid_and_needs_the_token(slow_server: Server) -> None:
    for path in ("/novels/", "/search/?q=the", "/nowhere/", "/novels/1/"):
        slow_server.get(path)
    wait_until(lambda: b"morpheus_worker_queue_tasks" in read_page(slow_server, TOKEN)[1])

    status, page = read_page(slow_server, TOKEN)

    checked = promtool("check", "metrics", page=page)
    assert status == 200
    assert read_page(slow_server, "another")[0] == 403
    assert (checked.returncode, checked.stdout + checked.stderr) == (0, b"")
    assert b'morpheus_db_slow_queries_total{route="GET /search/"}' in page


def test_a_slow_statement_is_scraped_and_fires_its_alert(
    slow_server: Server, prometheus: Prometheus, postgres: psycopg.Connection
) -> None:
    # No other test has left a response to it in the cache.
    slow_server.get("/novels/?page_size=37")
    alert = 'ALERTS{alertname="MorpheusSlowQuery", route="GET /novels/", alertstate="firing"}'
    wait_until(lambda: bool(prometheus.query(alert)))

    (up,) = prometheus.query('up{job="morpheus"}')
    assert up["value"][1] == "1"
    (slow,) = prometheus.query('morpheus_db_slow_queries_total{route="GET /novels/"}')
    assert float(slow["value"][1]) >= 1
    (budget,) = prometheus.query('morpheus:route_p95_budget_seconds{route="GET /novels/"}')
    assert budget["value"][1] == "0.05"
    written = (
        "SELECT count(*) FROM perf_slowquery WHERE route = 'GET /novels/' AND plan IS NOT NULL"
    )
    wait_until(lambda: (postgres.execute(written).fetchone() or (0,))[0] > 0)


def test_every_rule_can_be_evaluated(prometheus: Prometheus) -> None:
    def rules() -> list[dict[str, str]]:
        groups = prometheus.get("/api/v1/rules")["groups"]
        return [rule for group in groups for rule in group["rules"]]

    wait_until(lambda: all(rule["health"] != "unknown" for rule in rules()))
    assert [rule["name"] for rule in rules() if rule["health"] != "ok"] == []
    assert len(rules()) > 40


@pytest.mark.parametrize(
    "arguments",
    [
        ("check", "rules", "budgets.rules.yml", "morpheus.rules.yml"),
        ("test", "rules", "morpheus.rules.test.yml"),
    ],
    ids=lambda arguments: " ".join(arguments[:2]),
)
def test_promtool_accepts_the_rules(arguments: tuple[str, ...]) -> None:
    response = promtool(*arguments)

    assert response.returncode == 0, (response.stdout + response.stderr).decode()


def test_promtool_accepts_the_configuration(tmp_path: Path) -> None:
    for file in OPS.glob("*.yml"):
        (tmp_path / file.name).write_bytes(file.read_bytes())
    (tmp_path / "metrics_token").write_text(TOKEN)

    response = promtool("check", "config", str(tmp_path / "prometheus.yml"))

    assert response.returncode == 0, (response.stdout + response.stderr).decode()
