"""A Morpheus server in a process of its own, and clients for it."""

from __future__ import annotations

import http.client
import json
import random
import re
import socket
import subprocess
import sys
import time
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import Any
from urllib.parse import urlsplit

from django.conf import settings

from morpheus.embedded.addresses import Addresses
from morpheus.serving.listening import BACKLOG, server_command

REPOSITORY = Path(__file__).resolve().parents[1]
# Shorter than pytest's own time limit, so that the failure names the condition.
PATIENCE_S = 30


def wait_until(condition: Callable[[], bool], patience_s: float = PATIENCE_S) -> None:
    deadline = time.monotonic() + patience_s
    while not condition():
        assert time.monotonic() < deadline, "The condition did not come true."
        time.sleep(0.02)


def environment(var: Path, **more: str) -> dict[str, str]:
    """Return the variables of a Morpheus on the embedded services of `var`.

    The empty URLs have precedence over `.env`, so no other server is used by mistake.
    """
    names = ("DATABASE_URL", "DATABASE_OWNER_URL", "DATABASE_LOADER_URL")
    unset = (*names, "DATABASE_REPLICA_URL", "REDIS_URL")
    return {
        "PATH": "/usr/bin:/bin",
        "MORPHEUS_VAR": str(var),
        **dict.fromkeys(unset, ""),
        "MORPHEUS_HTTPS": "off",
        "MORPHEUS_THREADS": "8",
        # The tests are about the way to the database.
        "MORPHEUS_CACHE": "off",
        "EMAIL_URL": "dummymail://",
        "MORPHEUS_THROTTLE_WRITES_PER_MINUTE": "1000000",
        "MORPHEUS_THROTTLE_LOGIN_PER_MINUTE": "1000000",
        "DJANGO_SETTINGS_MODULE": "morpheus.settings",
    } | more


def environment_of_worker(**more: str) -> dict[str, str]:
    """Return the variables of a Morpheus on this test worker's database and Redis databases."""
    database = settings.DATABASES["default"]
    url = Addresses.under(settings.MORPHEUS_VAR).database_url(database["USER"], database["NAME"])
    base = re.findall(r"db=(\d+)", settings.CACHES["default"]["LOCATION"])[0]
    own = {"DATABASE_URL": url, "MORPHEUS_CACHE": "on", "MORPHEUS_CACHE_DATABASE_BASE": base}
    return environment(settings.MORPHEUS_VAR, **own | more)


# One process for both, because starting Django takes longest.
PREPARE = """
import sys, django
from django.core.management import call_command
django.setup()
call_command("migrate", verbosity=0)
call_command("seed", *sys.argv[1:])
"""


def prepare(var: Path, *seed_options: str) -> None:
    """Migrate and seed."""
    command = [sys.executable, "-c", PREPARE, "--quiet", *seed_options]
    subprocess.run(command, cwd=REPOSITORY, env=environment(var), check=True)


@dataclass(frozen=True)
class Response:
    status: int
    headers: http.client.HTTPMessage
    body: bytes

    @property
    def json(self) -> Any:
        return json.loads(self.body)

    @property
    def is_from_replica(self) -> bool:
        return "on the replica" in self.headers["Server-Timing"]


class Client:
    """A client of the API, anonymous without a token."""

    def __init__(self, port: int, token: str = "") -> None:
        self.port, self.token = port, token
        self.headers = {"Authorization": f"Bearer {token}"} if token else {}

    def send(self, method: str, path: str, body: Any = None, **headers: str) -> Response:
        """Send `body`, as JSON unless it is bytes; `path` may be a whole URL.

        A request that a bulkhead refused (morpheus.serving.request_bulkheads) is sent again.
        """
        deadline = time.monotonic() + PATIENCE_S
        while True:
            response = self._send_once(method, path, body, **headers)
            is_refused = response.status == 503 and b"requests of this kind" in response.body
            if not is_refused or time.monotonic() > deadline:
                return response
            time.sleep(random.random() / 10)  # noqa: S311 - no secret

    def _send_once(self, method: str, path: str, body: Any, **headers: str) -> Response:
        target = urlsplit(path)
        is_whole = target.path.startswith(("/api", "/healthz", "/metrics", "/readyz"))
        path = target.path if is_whole else f"/api/v1{target.path}"
        if body is not None and not isinstance(body, bytes):
            body, headers = json.dumps(body).encode(), {"Content-Type": "application/json"}
        connection = http.client.HTTPConnection("127.0.0.1", self.port, timeout=60)
        try:
            url = f"{path}?{target.query}"
            connection.request(method, url, body, {"Host": "localhost"} | self.headers | headers)
            response = connection.getresponse()
            return Response(response.status, response.headers, response.read())
        finally:
            connection.close()

    def get(self, path: str) -> Response:
        return self.send("GET", path)

    def login(self, email: str, password: str) -> Client:
        response = self.send("POST", "/auth/token/", {"email": email, "password": password})
        assert response.status == 200, response.body
        return Client(self.port, response.json["token"])


class Server(Client):
    """A running server, and an anonymous client for it."""

    def __init__(
        self,
        environment: dict[str, str],
        log: Path,
        *,
        workers: int = 1,
        threads: int = 8,
        drain_s: float = 0,
        application: str = "morpheus.wsgi:application",
        ready_path: str = "/api/v1/comics/",
        connections: int = BACKLOG,
    ) -> None:
        self.ready_path = ready_path
        with socket.socket() as probe:
            probe.bind(("127.0.0.1", 0))
            super().__init__(int(probe.getsockname()[1]))
        self.log = log
        with log.open("wb") as output:
            self._process = subprocess.Popen(
                server_command(
                    application,
                    port=self.port,
                    workers=workers,
                    threads=threads,
                    drain_s=drain_s,
                    connections=connections,
                ),
                cwd=REPOSITORY,
                env=environment,
                stdout=output,
                stderr=output,
            )
        try:
            wait_until(self._is_ready, PATIENCE_S * workers)
        except BaseException:
            self.stop()
            raise

    def until_replica_is_used(self) -> None:
        wait_until(lambda: self.get("/comics/").is_from_replica)

    @property
    def pid(self) -> int:
        """Of the parent of the server processes."""
        return self._process.pid

    @property
    def exit_code(self) -> int | None:
        return self._process.poll()

    def begin_stop(self) -> None:
        self._process.terminate()

    def stop(self) -> None:
        self.begin_stop()
        try:
            self._process.wait(PATIENCE_S)
        except subprocess.TimeoutExpired:
            self._process.kill()
            self._process.wait()
            raise

    def _is_ready(self) -> bool:
        assert self._process.poll() is None, self.log.read_text()
        try:
            return self.get(self.ready_path).status == 200
        except ConnectionError:
            return False
