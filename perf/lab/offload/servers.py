"""Server processes as `make run` starts them, and what they say of themselves."""

from __future__ import annotations

import http.client
import re
import signal
import socket
import time
from collections import Counter
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager

from django.conf import settings

from morpheus.embedded.guard import Service
from morpheus.embedded.guarded import GuardedServices
from morpheus.serving.listening import server_command

START_TIMEOUT_S = 60.0
POLL_S = 0.1
# What a server gets to finish what it is doing, then it is killed.
PATIENCE_S = 10.0
MORPHEUS = "morpheus.wsgi:application"
from perf.lab.harness.constant_bytes import CONSTANT_BYTES as CONSTANT

# Where each tells that it is ready.
PROBES = {MORPHEUS: "/readyz", CONSTANT: "/1"}

_REQUESTS = re.compile(r"^morpheus_cache_requests_total\{(.*)\} ([\d.e+]+)$", re.MULTILINE)
_LABEL = re.compile(r'(\w+)="([^"]*)"')


class ServerFailed(Exception):
    """A server does not start; it said why on stderr."""


@contextmanager
def servers(
    environment: Mapping[str, str], *, count: int, application: str = MORPHEUS, probe: str = ""
) -> Iterator[list[int]]:
    """Run `count` server processes and yield their ports when all answer; then stop them.

    They end with us, however we end. `probe` is the path of an application that is not ours.

    Raises:
        ServerFailed: One of them ended, or did not get ready in time.
    """
    ports = [_free_port() for _ in range(count)]
    running = GuardedServices([_server(environment, application, port) for port in ports])
    try:
        for port in ports:
            _wait_until_ready(running, port, probe or PROBES[application])
        yield ports
    finally:
        running.stop()


def _server(environment: Mapping[str, str], application: str, port: int) -> Service:
    return Service(
        name=f"server {port}",
        command=server_command(application, port=port, threads=settings.MORPHEUS_THREADS),
        cwd=str(settings.BASE_DIR),
        signals=[signal.SIGTERM],
        patience_s=PATIENCE_S,
        most_starts=1,
        environment=dict(environment),
    )


def cache_requests(ports: Sequence[int]) -> dict[str, Counter[str]]:
    """Return how often each policy was asked and with which outcome, of all servers together."""
    found: dict[str, Counter[str]] = {}
    for port in ports:
        text = get(port, "/metrics")[1].decode()
        for labels, value in _REQUESTS.findall(text):
            named = dict(_LABEL.findall(labels))
            outcomes = found.setdefault(named.get("policy", "?"), Counter())
            outcomes[named.get("outcome", "?")] += int(float(value))
    return found


def get(port: int, path: str) -> tuple[int, bytes]:
    """Return status and body of a GET on a connection of its own."""
    connection = http.client.HTTPConnection("127.0.0.1", port, timeout=30)
    try:
        connection.request("GET", path)
        answer = connection.getresponse()
        return answer.status, answer.read()
    finally:
        connection.close()


def _wait_until_ready(running: GuardedServices, port: int, probe: str) -> None:
    deadline = time.monotonic() + START_TIMEOUT_S
    while (status := _status(port, probe)) != 200:
        if running.have_ended():
            raise ServerFailed("A server does not start, see above.")
        if time.monotonic() > deadline:
            raise ServerFailed(f"A server is not ready: GET {probe} answers {status}.")
        time.sleep(POLL_S)


def _status(port: int, path: str) -> int | None:
    """Return the status of a GET, None when nobody answers."""
    try:
        return get(port, path)[0]
    except (OSError, http.client.HTTPException):
        return None


def _free_port() -> int:
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return int(probe.getsockname()[1])
