"""Two instances behind nginx and behind HAProxy, restarted under load: no request fails.

The restarts are those that replace SECRET_KEY.
"""

from __future__ import annotations

import http.client
import re
import time
from collections.abc import Iterator
from contextlib import closing
from pathlib import Path

import psycopg
import pytest

from morpheus.embedded.supervisor import EmbeddedServices
from tests.serving import environment, wait_until

from .conftest import PASSWORD
from .haproxy import HAProxy
from .load import Load
from .nginx import Instance, Nginx, free_port

# All instances know the new key before one signs with it (docs/serving.md).
ROUNDS = (
    {"SECRET_KEY": "the old one", "SECRET_KEY_FALLBACKS": "the new one"},
    {"SECRET_KEY": "the new one", "SECRET_KEY_FALLBACKS": "the old one"},
)


@pytest.fixture(scope="module")
def instances(services: EmbeddedServices) -> Iterator[list[Instance]]:
    """Two instances with the time limits of production."""
    settings = environment(
        services.var,
        MORPHEUS_HTTPS="on",
        MORPHEUS_BEHIND_PROXY="on",
        MORPHEUS_TRUSTED_PROXIES="1",
        MORPHEUS_METRICS_TOKEN="a token for scraping",
        MORPHEUS_CACHE="on",
        MORPHEUS_THREADS="16",
        SECRET_KEY="the old one",
    )
    started = [Instance(settings, services.var / f"rolling{number}.log") for number in (1, 2)]
    yield started
    for each in started:
        each.process.kill()
        each.process.wait()


@pytest.fixture(scope="module")
def nginx(instances: list[Instance], tmp_path_factory: pytest.TempPathFactory) -> Iterator[Nginx]:
    folder = tmp_path_factory.mktemp("nginx")
    nginx = Nginx(folder, [each.port for each in instances], folder)
    yield nginx
    nginx.stop()


@pytest.fixture(scope="module")
def haproxy(
    instances: list[Instance], tmp_path_factory: pytest.TempPathFactory
) -> Iterator[HAProxy]:
    folder = tmp_path_factory.mktemp("haproxy")
    haproxy = HAProxy(folder, [each.port for each in instances])
    yield haproxy
    haproxy.stop()


def count_logged(instances: list[Instance], route: str) -> int:
    """Return how many requests of a route the instances have in their logs."""
    return sum(each.log.read_text().count(f'"route":"{route}"') for each in instances)


def test_haproxy_tells_instances_the_scheme_and_keeps_probes_inside(haproxy: HAProxy) -> None:
    page = haproxy.get("/api/v1/novels/?page_size=1", **{"X-Forwarded-Proto": "http"})
    assert page.json["next"].startswith("https://localhost/api/v1/novels/")
    assert [haproxy.get(path).status for path in ("/readyz", "/metrics")] == [404, 404]

    with closing(http.client.HTTPConnection("127.0.0.1", haproxy.plain_port, timeout=10)) as plain:
        plain.request("GET", "/api/v1/novels/", headers={"Host": "localhost"})
        redirect = plain.getresponse()
    assert redirect.status == 301
    assert redirect.headers["Location"] == "https://localhost/api/v1/novels/"


def test_without_any_instance_haproxy_responds_in_the_form_of_the_api(tmp_path: Path) -> None:
    haproxy = HAProxy(tmp_path, [free_port(), free_port()], ready=503)
    response = haproxy.get("/api/v1/novels/")
    haproxy.stop()

    assert response.status == response.json["status"] == 503
    assert response.headers["Content-Type"] == "application/problem+json"
    assert response.headers["Retry-After"] == "2"


def test_no_request_fails_while_instances_restart_and_no_write_runs_twice(
    nginx: Nginx,
    haproxy: HAProxy,
    instances: list[Instance],
    emails: list[str],
    postgres: psycopg.Connection,
    pytestconfig: pytest.Config,
) -> None:
    loads = [
        Load(nginx, "nginx", emails[0], PASSWORD),
        Load(haproxy, "haproxy", emails[1], PASSWORD),
    ]
    before = count_logged(instances, "POST /comics/")
    with loads[0] as first, loads[1] as second:
        for secrets in ROUNDS:
            for instance in instances:
                instance.stop()
                instance.environment |= secrets
                instance.start()
        while first.served < pytestconfig.getoption("requests"):
            time.sleep(0.5)
    print(f"{first.served} requests through nginx, {second.served} through HAProxy")

    assert first.failures + second.failures == []
    titles = first.titles + second.titles
    rows = postgres.execute(
        "SELECT title FROM comics_comic WHERE title LIKE 'nginx %' OR title LIKE 'haproxy %'"
    ).fetchall()
    assert sorted(title for (title,) in rows) == sorted(titles)
    # Neither a proxy repeated a write, nor did an ending process lose its log.
    wait_until(lambda: count_logged(instances, "POST /comics/") - before == len(titles))
    # HAProxy learnt it from `/readyz`, before connections were refused.
    downs = re.findall(
        r"^Server morpheus_web/\S+ is DOWN, reason: ([^,]+, [^,]+)", haproxy.log.read_text(), re.M
    )
    assert downs == ["Layer7 wrong status, code: 503"] * len(ROUNDS) * len(instances)
