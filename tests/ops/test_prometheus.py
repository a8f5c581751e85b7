"""A real Prometheus reads what a running server shows, and its rules work on it."""

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
def watched(
    services: EmbeddedServices, tmp_path_factory: pytest.TempPathFactory
) -> Iterator[Server]:
    """A server to which every statement is slow."""
    folder = tmp_path_factory.mktemp("metrics")
    settings = {
        "MORPHEUS_METRICS_TOKEN": TOKEN,
        "MORPHEUS_SLOW_QUERY_MS": "0.000001",
        "MORPHEUS_CACHE": "",
    }
    settings |= {"PROMETHEUS_MULTIPROC_DIR": str(folder)}
    server = Server(environment(services.var, **settings), services.var / "watched.log")
    yield server
    server.stop()


@pytest.fixture(scope="module")
def prometheus(watched: Server, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Prometheus]:
    prometheus = Prometheus(tmp_path_factory.mktemp("prometheus"), watched.port, TOKEN)
    yield prometheus
    prometheus.stop()


def page_of(server: Server, token: str) -> tuple[int, bytes]:
    connection = http.client.HTTPConnection("127.0.0.1", server.port, timeout=30)
    try:
        connection.request("GET", "/metrics", headers={"Authorization": f"Bearer {token}"})
        answer = connection.getresponse()
        return answer.status, answer.read()
    finally:
        connection.close()


def test_the_page_is_as_prometheus_wants_it_and_for_whoever_has_the_token(watched: Server) -> None:
    for path in ("/novels/", "/search/?q=the", "/nowhere/", "/novels/1/"):
        watched.get(path)
    wait_until(lambda: b"morpheus_worker_queue_tasks" in page_of(watched, TOKEN)[1])

    status, page = page_of(watched, TOKEN)

    checked = promtool("check", "metrics", page=page)
    assert status == 200
    assert page_of(watched, "another")[0] == 403
    assert (checked.returncode, checked.stdout + checked.stderr) == (0, b"")
    assert b'morpheus_db_slow_queries_total{route="GET /search/"}' in page


def test_a_slow_statement_is_scraped_and_sets_off_its_alert(
    watched: Server, prometheus: Prometheus, postgres: psycopg.Connection
) -> None:
    watched.get("/novels/")
    alert = 'ALERTS{alertname="MorpheusSlowQuery", route="GET /novels/", alertstate="firing"}'
    wait_until(lambda: bool(prometheus.ask(alert)))

    (up,) = prometheus.ask('up{job="morpheus"}')
    assert up["value"][1] == "1"
    (slow,) = prometheus.ask('morpheus_db_slow_queries_total{route="GET /novels/"}')
    assert float(slow["value"][1]) >= 1
    (budget,) = prometheus.ask('morpheus:route_p95_budget_seconds{route="GET /novels/"}')
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
def test_promtool_agrees_with_the_rules(arguments: tuple[str, ...]) -> None:
    answer = promtool(*arguments)

    assert answer.returncode == 0, (answer.stdout + answer.stderr).decode()


def test_promtool_agrees_with_the_configuration(tmp_path: Path) -> None:
    for file in OPS.glob("*.yml"):
        (tmp_path / file.name).write_bytes(file.read_bytes())
    (tmp_path / "metrics_token").write_text(TOKEN)

    answer = promtool("check", "config", str(tmp_path / "prometheus.yml"))

    assert answer.returncode == 0, (answer.stdout + answer.stderr).decode()
