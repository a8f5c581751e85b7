"""A server that is told to stop: proxies turn away from it before it refuses connections."""

from __future__ import annotations

import http.client
import json
import os
import socket
import subprocess
import sys
import time
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import closing, suppress
from pathlib import Path
from typing import Any

import pytest

from morpheus.serving.draining import Draining
from morpheus.serving.listening import (
    bind,
    refuse_connections,
    refuses_connections,
    server_command,
    start_listening,
)
from tests.serving import REPOSITORY, Server, environment_of_worker, wait_until

DRAIN_S = 1.5
STOP_TIMEOUT_S = 3
# Each request takes as many seconds as its path says, and makes a file of that name first.
SLEEPING_SITE = """
import pathlib, time
def application(environ, start_response):
    seconds = environ["PATH_INFO"][1:]
    pathlib.Path(seconds).touch()
    time.sleep(float(seconds))
    start_response("200 OK", [("Content-Length", "0")])
    return [b""]
"""
# A request lets another thread fill the pipe by which the event loop learns of signals, too.
DEAF_SITE = """
import asyncio, pathlib, threading, time
def fill(loop):
    call = loop.call_soon_threadsafe
    threading.Thread(target=lambda: [call(int) for _ in range(1000)]).start()
    time.sleep(0.5)
    pathlib.Path("full").touch()
    time.sleep(1)
async def application(scope, receive, send):
    if scope["type"] == "lifespan":
        while (message := await receive())["type"] == "lifespan.startup":
            await send({"type": "lifespan.startup.complete"})
        await send({"type": f"{message['type']}.complete"})
        return
    loop = asyncio.get_running_loop()
    loop.call_later(0.1, fill, loop)
    await send({"type": "http.response.start", "status": 200, "headers": []})
    await send({"type": "http.response.body", "body": b""})
"""

only_linux = pytest.mark.skipif(sys.platform != "linux", reason="It is a part of Linux.")


@pytest.fixture
def server(transactional_db: None, tmp_path: Path) -> Iterator[Server]:
    """A server of two processes, which drains for a moment."""
    environment = environment_of_worker(MORPHEUS_LOG_REQUESTS="on", MORPHEUS_THREADS="4")
    server = Server(environment, tmp_path / "log", workers=2, threads=4, drain_s=DRAIN_S)
    yield server
    server.stop()


def is_stopping(server: Server) -> bool:
    """Tell whether `/readyz` fails in the process that accepts the next connection."""
    with closing(http.client.HTTPConnection("127.0.0.1", server.port, timeout=10)) as probe:
        return get(probe, "/readyz").status == 503


def get(connection: http.client.HTTPConnection, path: str) -> http.client.HTTPResponse:
    connection.request("GET", path, headers={"Host": "localhost"})
    response = connection.getresponse()
    response.read()
    return response


@only_linux
def test_a_socket_that_refuses_connections_still_accepts_the_earlier_ones() -> None:
    with bind("127.0.0.1", 0) as listener:
        start_listening(listener)
        address = listener.getsockname()
        waiting = [socket.create_connection(address) for _ in range(3)]
        assert not refuses_connections(listener)

        refuse_connections(listener)

        with pytest.raises(ConnectionRefusedError):
            socket.create_connection(address)
        assert refuses_connections(listener)
        for client in waiting:
            client.sendall(b"request")
            accepted, _ = listener.accept()
            assert accepted.recv(7) == b"request"
            accepted.close()
            client.close()


def test_only_responses_of_a_draining_server_close_their_connections() -> None:
    sent: list[Any] = []

    def site(environ: dict[str, Any], start_response: Any) -> list[bytes]:
        start_response("200 OK", [("Content-Length", "0")])
        return [b""]

    application = Draining(site)
    for _ in range(2):
        application({}, lambda status, headers: sent.append(headers))
        application.drain()

    assert sent == [[("Content-Length", "0")], [("Content-Length", "0"), ("Connection", "close")]]


def test_a_server_ends_at_once_while_its_processes_start(tmp_path: Path) -> None:
    slow = "import os, pathlib, time\npathlib.Path(f'{os.getpid()}.pid').touch()\ntime.sleep(60)"
    (tmp_path / "slow_site.py").write_text(slow)
    server = subprocess.Popen(
        server_command("slow_site:application", port=0, workers=2, threads=1),
        cwd=tmp_path,
        env=os.environ | {"PYTHONPATH": f"{REPOSITORY}{os.pathsep}{tmp_path}"},
    )
    wait_until(lambda: len([*tmp_path.glob("*.pid")]) == 2)

    server.terminate()

    try:
        assert server.wait(20) == 0
    finally:
        server.kill()
        server.wait()


def test_a_server_serves_while_it_drains_and_then_refuses(server: Server) -> None:
    with closing(http.client.HTTPConnection("127.0.0.1", server.port, timeout=10)) as kept:
        assert get(kept, "/api/v1/novels/").headers["Connection"] is None
        server.begin_stop()
        began = time.monotonic()
        wait_until(lambda: is_stopping(server))
        reused = get(kept, "/api/v1/novels/")
    served = 0
    with suppress(ConnectionRefusedError):
        while True:
            assert server.get("/novels/?page_size=1").status == 200
            served += 1

    assert (reused.status, reused.headers["Connection"]) == (200, "close")
    assert DRAIN_S <= time.monotonic() - began < 2 * DRAIN_S
    server.stop()
    assert server.exit_code == 0
    lines = [json.loads(line) for line in server.log.read_text().splitlines()]
    routes = [line.get("route", "") for line in lines]
    assert routes.count("GET /novels/") == served + 2, routes


def test_requests_in_flight_finish_within_a_time_limit(tmp_path: Path) -> None:
    (tmp_path / "sleeping.py").write_text(SLEEPING_SITE)
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        port = probe.getsockname()[1]
    command = server_command(
        "sleeping:application", port=port, threads=4, stop_timeout_s=STOP_TIMEOUT_S
    )
    environment = os.environ | {"PYTHONPATH": str(REPOSITORY)}

    def read(seconds: int) -> int | None:
        with closing(http.client.HTTPConnection("127.0.0.1", port, timeout=30)) as connection:
            with suppress(ConnectionError):
                return get(connection, f"/{seconds}").status
        return None

    with (
        subprocess.Popen(command, cwd=tmp_path, env=environment) as process,
        ThreadPoolExecutor() as threads,
    ):
        wait_until(lambda: read(0) == 200)
        short, long = threads.submit(read, 1), threads.submit(read, 60)
        wait_until(lambda: (tmp_path / "1").exists() and (tmp_path / "60").exists())
        process.terminate()
        assert process.wait(4 * STOP_TIMEOUT_S) == 0
        assert (short.result(), long.result()) == (200, None)


def test_a_process_whose_event_loop_misses_the_signal_ends(tmp_path: Path) -> None:
    (tmp_path / "deaf_asgi.py").write_text(DEAF_SITE)
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        port = probe.getsockname()[1]
    command = server_command("deaf_asgi:application", port=port, threads=1)
    environment = os.environ | {"PYTHONPATH": str(REPOSITORY)}

    def read() -> bool:
        with closing(http.client.HTTPConnection("127.0.0.1", port, timeout=30)) as connection:
            with suppress(ConnectionError):
                return get(connection, "/").status == 200
        return False

    process = subprocess.Popen(command, cwd=tmp_path, env=environment)
    try:
        wait_until(read)
        wait_until((tmp_path / "full").exists)
        process.terminate()
        assert process.wait(20) == 0
    finally:
        process.kill()
