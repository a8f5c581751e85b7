"""Clients that hold on to threads and connections."""

from __future__ import annotations

import time
from contextlib import ExitStack
from typing import Any

from tests.hostile_clients import (
    TOKEN_PATH,
    announce_body,
    announced_bodies,
    break_off_http2_bodies,
    connect,
    post_json,
    request_head,
    silent_connections,
    status_of,
    trickled_body,
)
from tests.serving import wait_until

from .site import Site


def count_free_body_threads(site: Site) -> int:
    """Return how many announced bodies get a thread at once, from five addresses."""
    with ExitStack() as stack:
        clients = [
            stack.enter_context(announce_body(site.port, source=f"127.0.0.{number}"))
            for number in range(2, 12)
        ]
        time.sleep(1)
        waiting = 0
        for client in clients:
            client.setblocking(False)
            try:
                assert b" 503 " in client.recv(1000)
            except BlockingIOError:
                waiting += 1
        return waiting


def test_http2_bodies_that_break_off(site: Site, attacked: Any) -> None:
    with attacked("HTTP/2 bodies that break off"):
        for _ in range(10):
            break_off_http2_bodies(site.port)

    wait_until(lambda: count_free_body_threads(site) == 4)


def test_announced_bodies_that_never_come(site: Site, attacked: Any) -> None:
    with attacked("announced bodies"), announced_bodies(site.port, 64) as clients:
        time.sleep(1)
        # One thread is left for other clients: they log in during the attack.
        other = post_json(site.port, TOKEN_PATH, b'{"email": "a@b.example"}', source="127.0.0.2")
        statuses = [status_of(client) for client in clients]

    assert other == 400
    assert statuses.count(503) == 61
    assert statuses.count(408) == 3
    wait_until(lambda: count_free_body_threads(site) == 4)


def test_announced_bodies_after_the_server_says_go_on(site: Site, attacked: Any) -> None:
    with (
        attacked("announced bodies, 100-continue", at_least_s=30),
        announced_bodies(site.port, 64, Expect="100-continue"),
    ):
        time.sleep(28)

    assert count_free_body_threads(site) == 4


def test_bodies_that_trickle(site: Site, attacked: Any) -> None:
    with attacked("bodies of 10 bytes a second"), ExitStack() as stack:
        clients = [stack.enter_context(trickled_body(site.port, 10)) for _ in range(16)]
        statuses = [status_of(client) for client in clients]

    assert statuses.count(408) == 3
    wait_until(lambda: count_free_body_threads(site) == 4)


def test_long_responses_that_are_not_read(site: Site, attacked: Any) -> None:
    path = "/static/drf_spectacular_sidecar/swagger-ui-dist/swagger-ui-bundle.js"
    with attacked("responses that are not read", at_least_s=45), ExitStack() as stack:
        clients = [stack.enter_context(connect(site.port)) for _ in range(64)]
        for client in clients:
            client.sendall(request_head("GET", path))
        time.sleep(40)

    assert site.probe(path) == 200


def test_connections_on_which_nothing_comes(site: Site, attacked: Any) -> None:
    with silent_connections(site.port, 700), attacked("700 silent connections", at_least_s=40):
        pass


def test_heads_that_never_end(site: Site, attacked: Any) -> None:
    head = b"GET /api/v1/novels/ HTTP/1.1\r\nHost: local"
    with silent_connections(site.port, 700, head), attacked("700 unfinished heads", at_least_s=40):
        pass
