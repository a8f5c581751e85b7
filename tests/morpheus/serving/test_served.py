"""A server as it runs, and clients that send what no honest client sends: the short form of
`make test-hostile`.
"""

from __future__ import annotations

import time
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import psutil
import pytest
from django.conf import settings

from tests.hostile_clients import (
    TOKEN_PATH,
    announced_bodies,
    break_off_http2_bodies,
    connect,
    post_json,
    request_head,
    silent_connections,
    status_of,
    trickled_body,
)
from tests.serving import Server, environment, wait_until


@pytest.fixture(scope="module")
def server(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Server]:
    """A server of 16 threads on the suite's services, which loses patience after a second."""
    var = Path(settings.MORPHEUS_VAR)
    log = tmp_path_factory.mktemp("served") / "log"
    limits = {
        "MORPHEUS_THREADS": "16",
        "DJANGO_SETTINGS_MODULE": "tests.impatient_settings",
        "MORPHEUS_THROTTLE_LOGIN_PER_MINUTE": "1000000",
    }
    database = settings.DATABASES["default"]
    url = f"postgresql:///{database['NAME']}?host={database['HOST']}&user={database['USER']}"
    server = Server(environment(var, **limits, DATABASE_URL=url), log, threads=16)
    yield server
    server.stop()


@pytest.fixture(autouse=True)
def no_thread_is_lost(transactional_db: Any, server: Server) -> Iterator[None]:
    """All four threads for bodies are free again, and no thread computes."""
    yield
    wait_until(lambda: count_waiting_bodies(server) == 4)
    process = psutil.Process(server._process.pid)
    workers = [process, *process.children(recursive=True)]
    wait_until(lambda: sum(each.cpu_percent(interval=0.3) for each in workers) < 50)


def count_waiting_bodies(server: Server) -> int:
    """Return how many announced bodies get a thread at once, from two addresses."""
    with (
        announced_bodies(server.port, 4, source="127.0.0.2") as first,
        announced_bodies(server.port, 4, source="127.0.0.3") as second,
    ):
        time.sleep(0.3)
        return sum(not has_response(client) for client in [*first, *second])


def has_response(client: Any) -> bool:
    client.setblocking(False)
    try:
        return bool(client.recv(1000))
    except BlockingIOError:
        return False


def read_quickly(server: Server) -> None:
    """Read beside an attack: each response comes before any deadline that could help."""
    for _ in range(10):
        assert server.get("/comics/").status == 200


def test_bodies_that_never_come_leave_threads_for_reads_and_for_others(server: Server) -> None:
    with announced_bodies(server.port, 20) as clients:
        time.sleep(0.3)
        read_quickly(server)
        assert post_json(server.port, TOKEN_PATH, b'{"email": "a@b.example"}', "127.0.0.2") == 400
        statuses = [status_of(client) for client in clients]

    assert sorted(statuses, key=str) == [408] * 3 + [503] * 17


def test_bodies_that_never_come_after_the_server_says_go_on_end_as_well(server: Server) -> None:
    with announced_bodies(server.port, 4, Expect="100-continue") as clients:
        read_quickly(server)
        # First comes "100 Continue".
        assert [status_of(client) for client in clients].count(100) == 3
        wait_until(lambda: count_waiting_bodies(server) == 4)


def test_a_body_that_trickles_is_cut_off(server: Server) -> None:
    with trickled_body(server.port, 20) as client:
        assert status_of(client) == 408


def test_http2_is_not_spoken(server: Server) -> None:
    break_off_http2_bodies(server.port)
    read_quickly(server)


def test_a_body_that_breaks_off_is_refused(server: Server) -> None:
    with connect(server.port) as client:
        head = request_head(
            "POST", TOKEN_PATH, "Content-Type: application/json", "Content-Length: 99"
        )
        client.sendall(head + b'{"email"')
        client.shutdown(1)  # Nothing more is sent; the response can be received.
        assert status_of(client) in (400, None)
    read_quickly(server)


def test_unfinished_heads_and_silent_connections_keep_no_client_out(server: Server) -> None:
    with silent_connections(server.port, 100, b"GET / HTTP/1.1\r\nHost: local"):
        read_quickly(server)
    with silent_connections(server.port, 100):
        read_quickly(server)
