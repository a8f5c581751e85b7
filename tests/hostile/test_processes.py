"""Processes that are killed or hang while clients read."""

from __future__ import annotations

import http.client
import signal
import threading
import time
from collections.abc import Callable, Iterator
from contextlib import closing, contextmanager

import psutil
import pytest

from tests.serving import wait_until

from .site import Site, kill

CLIENTS = 8
# The server starts in 1.1 s on a quiet machine.
BACK_WITHIN_S = 2


class Load:
    """Clients that read over connections that stay open; each counts its failures."""

    def __init__(self, site: Site) -> None:
        self.failures = [0] * CLIENTS
        self.longest_s = [0.0] * CLIENTS
        self.requests = [0] * CLIENTS
        self._site = site
        self._done = threading.Event()

    def read(self, at: int) -> None:
        connection = http.client.HTTPConnection("127.0.0.1", self._site.port, timeout=30)
        with closing(connection):
            self._read_over(connection, at)

    def _read_over(self, connection: http.client.HTTPConnection, at: int) -> None:
        while not self._done.is_set():
            started = time.monotonic()
            try:
                connection.request("GET", "/api/v1/novels/", headers={"Host": "localhost"})
                assert connection.getresponse().read()
                self.requests[at] += 1
            except (OSError, http.client.HTTPException):
                self.failures[at] += 1
                connection.close()
            self.longest_s[at] = max(self.longest_s[at], time.monotonic() - started)

    @contextmanager
    def running(self) -> Iterator[None]:
        threads = [threading.Thread(target=self.read, args=[at]) for at in range(CLIENTS)]
        for thread in threads:
            thread.start()
        try:
            yield
        finally:
            self._done.set()
            for thread in threads:
                thread.join()


def find_granian(site: Site) -> psutil.Process:
    """Return the parent of the server process."""
    parent = site.server().parent()
    assert parent is not None
    return parent


@pytest.mark.parametrize("which", [Site.server, find_granian])
def test_a_killed_server_is_back_and_costs_each_connection_one_request(
    site: Site, which: Callable[[Site], psutil.Process]
) -> None:
    load = Load(site)
    killed = which(site)
    with load.running():
        time.sleep(2)
        kill(killed)
        time.sleep(4)

    print(f"longest request {max(load.longest_s):.2f} s, failures {load.failures}")
    assert max(load.failures) <= 1
    assert max(load.longest_s) <= BACK_WITHIN_S
    assert all(count > 100 for count in load.requests)
    wait_until(site.is_ready)


def test_a_server_that_hangs_is_replaced(site: Site) -> None:
    hung = site.server()
    kill(hung, signal.SIGSTOP)

    wait_until(lambda: not hung.is_running() and site.is_ready(), 60)


def test_a_killed_worker_is_back(site: Site) -> None:
    [worker] = [each for each in site.processes("worker")]
    kill(worker)
    started = time.monotonic()

    wait_until(lambda: [each.pid for each in site.processes("worker")] not in ([], [worker.pid]))

    assert time.monotonic() - started <= BACK_WITHIN_S
