"""A whole Morpheus under attack, and its readers."""

from __future__ import annotations

import http.client
import os
import random
import signal
import subprocess
import sys
import threading
import time
from collections.abc import Callable
from contextlib import closing
from pathlib import Path
from statistics import quantiles
from typing import Self

import psutil
import psycopg

from morpheus.embedded.addresses import Addresses
from tests.conftest import PASSWORD
from tests.serving import REPOSITORY, Client, environment, prepare, wait_until

READS_PER_S = 20
START_S = 120
OWNER_EMAIL = "owner@example.org"


class Site(Client):
    """`manage.py run` with data of its own, and an anonymous client for it."""

    def __init__(self, var: Path, port: int, **settings: str) -> None:
        super().__init__(port)
        self.var = var
        self.log = var.with_suffix(".log")
        self.environment = environment(
            var, MORPHEUS_CACHE="on", MORPHEUS_THREADS="16", MORPHEUS_LOG_REQUESTS="off", **settings
        )
        self._run: subprocess.Popen[bytes] | None = None

    def start(self) -> Self:
        """Start everything; return when it is ready."""
        command = [sys.executable, "manage.py", "run", "--no-seed", "--port", str(self.port)]
        with self.log.open("ab") as log:
            self._run = subprocess.Popen(
                command, cwd=REPOSITORY, env=self.environment, stdout=log, stderr=log
            )
        wait_until(self.is_ready, START_S)
        return self

    def stop(self) -> None:
        if self._run is not None:
            self._run.send_signal(signal.SIGINT)
            self._run.wait(60)

    def is_running(self) -> bool:
        return self._run is not None and self._run.poll() is None

    def is_ready(self) -> bool:
        assert self.is_running(), self.log.read_text()[-3000:]
        return self.probe("/readyz") == 200

    def probe(self, path: str) -> int | None:
        """Return the status of a GET outside the API; None without an response."""
        connection = http.client.HTTPConnection("127.0.0.1", self.port, timeout=10)
        try:
            connection.request("GET", path, headers={"Host": "localhost"})
            return connection.getresponse().status
        except OSError:
            return None
        finally:
            connection.close()

    def register(self, email: str = OWNER_EMAIL) -> Client:
        """Return a client that is logged in as a new user."""
        body = {"email": email, "password": PASSWORD, "display_name": "Owner"}
        assert self.send("POST", "/users/", body).status in (201, 400)  # Registered before.
        return self.login(email, PASSWORD)

    def processes(self, *words: str) -> list[psutil.Process]:
        """Return the processes under `manage.py run` whose command has all the words."""
        assert self._run is not None
        processes = []
        for process in psutil.Process(self._run.pid).children(recursive=True):
            try:
                if all(word in process.cmdline() for word in words):
                    processes.append(process)
            except psutil.Error:
                continue
        return processes

    def server(self) -> psutil.Process:
        """Return the process that serves requests: the child of granian's own."""
        servers = self.processes("morpheus.serving", "morpheus.wsgi:application")
        return next(each for each in servers if each.parent() in servers)

    def rss_mb(self) -> float:
        """Return the memory of the server process."""
        return float(self.server().memory_info().rss) / 1e6

    def database(self) -> psycopg.Connection:
        """Return a connection as PostgreSQL's superuser."""
        url = Addresses.under(self.var).database_url("postgres", "morpheus")
        return psycopg.connect(url, autocommit=True)

    def seed(self) -> None:
        """Fill the database before the first start."""
        from morpheus.embedded.supervisor import EmbeddedServices

        with EmbeddedServices(self.var):
            prepare(self.var, "--scale", "small")


class Reads:
    """Reads 20 lists, novels, chapters and statuses a second; one health check a second."""

    def __init__(self, site: Site) -> None:
        self._site = site
        self._done = threading.Event()
        self.seconds: list[float] = []
        self.health_seconds: list[float] = []
        self.failures: list[str] = []
        with site.database() as database:
            rows = database.execute("SELECT id FROM novels_novel WHERE is_public LIMIT 300")
            self._novels = [row[0] for row in rows]

    def __enter__(self) -> Self:
        work: list[Callable[[], None]] = [self._read, self._check_health]
        self._threads = [threading.Thread(target=each) for each in work]
        for thread in self._threads:
            thread.start()
        return self

    def __exit__(self, *_: object) -> None:
        self._done.set()
        for thread in self._threads:
            thread.join()

    @property
    def p99_ms(self) -> float:
        return quantiles(self.seconds, n=100, method="inclusive")[98] * 1000

    @property
    def p50_ms(self) -> float:
        return quantiles(self.seconds, n=100, method="inclusive")[49] * 1000

    def _read(self) -> None:
        connection = http.client.HTTPConnection("127.0.0.1", self._site.port, timeout=30)
        with closing(connection):
            self._read_over(connection)

    def _read_over(self, connection: http.client.HTTPConnection) -> None:
        chance = random.Random()  # noqa: S311 - no secret
        due = time.monotonic()
        while not self._done.is_set():
            novel = chance.choice(self._novels)
            path = chance.choice(
                [
                    f"/novels/?page_size={chance.randint(5, 50)}",
                    f"/novels/{novel}/",
                    f"/novels/{novel}/chapters/",
                    f"/novels/{novel}/status/",
                ]
            )
            self.seconds.append(self._time(connection, f"/api/v1{path}"))
            due += 1 / READS_PER_S
            time.sleep(max(0.0, due - time.monotonic()))

    def _check_health(self) -> None:
        while not self._done.wait(1):
            connection = http.client.HTTPConnection("127.0.0.1", self._site.port, timeout=30)
            self.health_seconds.append(self._time(connection, "/healthz"))
            connection.close()

    def _time(self, connection: http.client.HTTPConnection, path: str) -> float:
        started = time.monotonic()
        try:
            connection.request("GET", path, headers={"Host": "localhost"})
            response = connection.getresponse()
            response.read()
            if response.status != 200:
                self.failures.append(f"{path}: {response.status}")
        except (OSError, http.client.HTTPException) as error:
            self.failures.append(f"{path}: {error!r}")
            connection.close()
        return time.monotonic() - started


def kill(process: psutil.Process, number: signal.Signals = signal.SIGKILL) -> None:
    os.kill(process.pid, number)
