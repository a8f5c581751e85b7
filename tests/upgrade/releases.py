"""Two releases of Morpheus on one database, one Redis server and one folder of files."""

from __future__ import annotations

import io
import subprocess
import sys
import tarfile
import threading
from collections.abc import Iterator
from contextlib import closing, contextmanager
from http.client import HTTPConnection
from itertools import count
from pathlib import Path
from typing import Any

import pytest
import redis

from morpheus.embedded.addresses import Addresses
from perf.lab.example_catalogue import EXAMPLES, example
from perf.lab.example_requests import ExampleRequest
from tests.ops.nginx import free_port
from tests.serving import PATIENCE_S, REPOSITORY, Client, environment, wait_until

COMMIT = (REPOSITORY / "ops" / "PREVIOUS_RELEASE").read_text().strip()
# Routes that the previous release does not have.
NEW_ROUTES = {
    *("GET /genres/", "GET /languages/", "GET /users/{user_id}/"),
    "GET /comics/{comic_id}/panels/{panel_id}/",
    *("GET /novels/{novel_id}/progress/", "GET /comics/{comic_id}/progress/"),
    "GET /users/me/continue/",
}
# Reads that the cache serves, with every kind of value, and a page with a cursor.
READS = [
    each
    for each in EXAMPLES
    if each.is_read and each.reads_tables and each.caller in ("anonymous", "owner")
    if each.route not in NEW_ROUTES
] + [ExampleRequest("GET /novels/", {"page_size": "3"})]


def extract_previous_release(folder: Path) -> Path:
    archive = subprocess.run(
        ["git", "archive", COMMIT], cwd=REPOSITORY, check=False, capture_output=True
    )
    if archive.returncode != 0:
        pytest.fail(f"This clone has no commit {COMMIT}: `git fetch --unshallow`.", pytrace=False)
    with tarfile.open(fileobj=io.BytesIO(archive.stdout)) as files:
        files.extractall(folder, filter="data")
    return folder


class Release:
    """A checkout, and the environment of its processes.

    The URLs are given as in production: nothing starts or stops the servers.
    """

    def __init__(self, tree: Path, var: Path) -> None:
        self.tree, self.var = tree, var
        addresses = Addresses.under(var)
        self.environment = environment(
            var,
            MORPHEUS_CACHE="on",
            MORPHEUS_CACHE_SHADOW_PERCENT="0",
            DATABASE_URL=addresses.database_url("morpheus_app"),
            DATABASE_OWNER_URL=addresses.database_url("morpheus_owner"),
            DATABASE_LOADER_URL=addresses.database_url("morpheus_loader"),
            REDIS_URL=f"unix://{addresses.redis_socket}",
        )

    def manage(self, *arguments: str) -> None:
        command = [sys.executable, "manage.py", *arguments]
        subprocess.run(command, cwd=self.tree, env=self.environment, check=True)

    @contextmanager
    def running(self, *command: str, ready: int | None = 200) -> Iterator[Running]:
        """Run a command of Python until the end of the block.

        Args:
            command: `PORT` in it stands for the port.
            ready: The status of `/readyz` to wait for; None for a command that does not serve.
        """
        port = free_port()
        log = self.var.parent / f"{'-'.join(command[:2]).replace('/', '.')}-{port}.log"
        with log.open("wb") as output:
            process = subprocess.Popen(
                [sys.executable, *(each.replace("PORT", str(port)) for each in command)],
                cwd=self.tree,
                env=self.environment,
                stdout=output,
                stderr=output,
            )
        try:
            running = Running(port, log)
            wait_until(lambda: running.check_ready() == ready, 3 * PATIENCE_S)
            yield running
        except AssertionError:
            print(log.read_text())
            raise
        finally:
            process.terminate()
            process.wait(2 * PATIENCE_S)


class Running(Client):
    """A process, and a client for it without a login."""

    def __init__(self, port: int, log: Path) -> None:
        super().__init__(port)
        self.log = log

    def check_ready(self) -> int | None:
        with closing(HTTPConnection("127.0.0.1", self.port, timeout=10)) as connection:
            try:
                connection.request("GET", "/readyz", headers={"Host": "localhost"})
                return connection.getresponse().status
            except OSError:
                return None


def upload_novel(client: Client) -> str:
    """Upload a novel of its own; return the path of its status."""
    text = f"Chapter 1\n\nOnce upon a time, {next(_numbers)}.".encode()
    request = example("POST /novels/").build({}, upload=text)
    response = client.send("POST", "/novels/", request.body, **request.headers)
    assert response.status == 201, response.body
    return f"/novels/{response.json['id']}/status/"


_numbers = count()


def list_misreads(
    values: dict[str, Any], var: Path, *, writer: Client, reader: Client
) -> list[str]:
    """Return the reads that differ after another release has filled the cache.

    Args:
        values: For the names in the examples.
    """

    def read(client: Client, request: ExampleRequest) -> tuple[int, bytes]:
        built = request.build(values)
        anonymous = Client(client.port)
        response = (client if request.caller == "owner" else anonymous).get(built.path)
        return response.status, response.body

    with closing(redis.Redis(unix_socket_path=str(Addresses.under(var).redis_socket))) as server:
        server.flushall()
        expected = [read(reader, request) for request in READS]
        server.flushall()
        for request in READS:
            read(writer, request)
        got = [read(reader, request) for request in READS]
        server.flushall()
    assert {status for status, _ in expected} == {200}
    return [
        each.name for each, own, other in zip(READS, expected, got, strict=True) if own != other
    ]


class Work:
    """A client that writes and reads all the time; `failures` has what went wrong."""

    def __init__(self, client: Client) -> None:
        self._client = client
        self._is_over = threading.Event()
        self._thread = threading.Thread(target=self._run)
        self.served = 0
        self.failures: list[str] = []

    def __enter__(self) -> Work:
        self._thread.start()
        return self

    def __exit__(self, *_: object) -> None:
        self._is_over.set()
        self._thread.join()

    def _run(self) -> None:
        try:
            while not self._is_over.is_set():
                self._work()
        except Exception as error:
            self.failures.append(repr(error))

    def _work(self) -> None:
        title = f"Comic {self.served}"
        comic = self._send("POST", "/comics/", 201, {"title": title})
        path = f"/comics/{comic['id']}/"
        self._send("PATCH", path, 200, {"title": f"{title} again"})
        assert self._send("GET", path, 200)["title"] == f"{title} again"
        page = self._send("GET", "/novels/?page_size=3", 200)
        self._send("GET", page["next"], 200)
        self._send("GET", "/users/me/dashboard/", 200)
        self._send("DELETE", path, 204)

    def _send(self, method: str, path: str, status: int, body: Any = None) -> Any:
        response = self._client.send(method, path, body)
        assert response.status == status, f"{method} {path}: {response.status} {response.body!r}"
        self.served += 1
        return response.json if response.body else None
