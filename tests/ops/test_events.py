"""Event streams behind nginx and behind HAProxy: `manage.py events` beside a web instance."""

from __future__ import annotations

import json
from collections.abc import Iterator
from pathlib import Path

import psycopg
import pytest

from morpheus.embedded.supervisor import EmbeddedServices
from tests.event_streams import EventStream
from tests.serving import environment, wait_until

from .conftest import PASSWORD
from .haproxy import HAProxy
from .nginx import Instance, Nginx, TLSProxy


@pytest.fixture(scope="module")
def instances(services: EmbeddedServices) -> Iterator[list[Instance]]:
    """A web instance, and the process that holds streams."""
    settings = environment(
        services.var,
        MORPHEUS_HTTPS="on",
        MORPHEUS_BEHIND_PROXY="on",
        MORPHEUS_TRUSTED_PROXIES="1",
        MORPHEUS_METRICS_TOKEN="a token for scraping",
        MORPHEUS_CACHE="on",
        MORPHEUS_DRAIN_S="2",
        SECRET_KEY="the same for both",
    )
    started = [
        Instance(settings, services.var / f"streams-{command}.log", command=command)
        for command in ("serve", "events")
    ]
    yield started
    for each in started:
        each.stop()


@pytest.fixture(params=["nginx", "haproxy"])
def proxy(
    request: pytest.FixtureRequest, instances: list[Instance], tmp_path: Path
) -> Iterator[TLSProxy]:
    web, events = instances
    made: Nginx | HAProxy
    if request.param == "nginx":
        made = Nginx(tmp_path, [web.port], tmp_path, events_port=events.port)
    else:
        made = HAProxy(tmp_path, [web.port, web.port], events_port=events.port)
    yield made
    made.stop()


def open_stream(proxy: TLSProxy, path: str, **headers: str) -> EventStream:
    return EventStream(proxy.connect(), f"/api/v1{path}", headers)


def login(proxy: TLSProxy, email: str) -> dict[str, str]:
    """Return the header of a token."""
    body = json.dumps({"email": email, "password": PASSWORD}).encode()
    path, headers = "/api/v1/auth/token/", {"Content-Type": "application/json"}
    response = proxy.send("POST", path, body, **headers)
    return {"Authorization": f"Bearer {response.json['token']}"}


def test_each_event_passes_a_proxy_at_once_and_a_restart_loses_none(
    proxy: TLSProxy, instances: list[Instance], postgres: psycopg.Connection, emails: list[str]
) -> None:
    events = instances[1]
    # HAProxy uses it after its health check.
    wait_until(lambda: proxy.get("/api/v1/novels/0/events/").status == 404)
    token = login(proxy, emails[0])
    [novel] = postgres.execute("SELECT id FROM novels_novel WHERE is_public LIMIT 1").fetchone()  # type: ignore[misc]

    def change(progress: int) -> None:
        postgres.execute(
            "UPDATE novels_processingstatus SET progress = %s WHERE novel_id = %s",
            [progress, novel],
        )

    change(1)
    with open_stream(proxy, f"/novels/{novel}/events/") as stream:
        assert stream.response.headers["Content-Type"] == "text/event-stream"
        assert stream.read_events(1)[0].data["progress"] == 1
        for progress in (2, 3):
            change(progress)
            assert stream.read_events(1)[0].data["progress"] == progress
        with open_stream(proxy, "/users/me/events/", **token) as own:
            assert own.status == 200 and own.read()
        with open_stream(proxy, "/users/me/events/") as refused:
            assert refused.status == 401
        events.stop()
        assert stream.wait_for_end() == []
    change(4)
    events.start()

    wait_until(lambda: proxy.get("/api/v1/novels/0/events/").status == 404)
    with open_stream(
        proxy, f"/novels/{novel}/events/", **{"Last-Event-ID": stream.last_id}
    ) as again:
        assert [each.data["progress"] for each in again.read_events(1)] == [4]
