"""A real nginx with the site of `ops/nginx/`, in front of instances on this machine."""

from __future__ import annotations

import contextlib
import http.client
import json
import os
import shutil
import signal
import socket
import ssl
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest

from tests.serving import PATIENCE_S, REPOSITORY, Client, Response, wait_until

SITE = REPOSITORY / "ops" / "nginx"
# Of the container; here the folders are others.
MAIN = REPOSITORY / "ops" / "compose" / "nginx.conf"


def free_port() -> int:
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return int(probe.getsockname()[1])


def find_proxy(name: str) -> str:
    """Return the path of a program whose package has the same name."""
    program = shutil.which(name, path=f"{os.environ['PATH']}:/usr/sbin")
    if program is None:
        pytest.fail(f"There is no {name}: apt-get install {name}.", pytrace=False)
    return program


class Instance(Client):
    """`manage.py serve`, and an anonymous client for it.

    Attributes:
        through: Command that runs Python with the arguments that follow.
        command: Another one, like `events`.
    """

    def __init__(
        self,
        environment: dict[str, str],
        log: Path,
        through: tuple[str, ...] = (sys.executable,),
        command: str = "serve",
    ) -> None:
        super().__init__(free_port())
        self.through, self.command = through, command
        self.environment = environment
        self.log = log
        self.start()

    def start(self) -> None:
        """Start it, and return when it is ready."""
        command = [*self.through, "manage.py", self.command, "--port", str(self.port)]
        with self.log.open("ab") as log:
            self.process = subprocess.Popen(
                command, cwd=REPOSITORY, env=self.environment, stdout=log, stderr=log
            )
        wait_until(self.is_ready)

    def stop(self) -> None:
        """Send SIGTERM, and return when it has ended."""
        self.process.send_signal(signal.SIGTERM)
        assert self.process.wait(2 * PATIENCE_S) == 0, self.log.read_text()

    def is_ready(self) -> bool:
        return self.readiness() in ("ok", "degraded")

    def readiness(self) -> str:
        """Return the status that `/readyz` gives, empty if it does not respond."""
        assert self.process.poll() is None, self.log.read_text()
        connection = http.client.HTTPConnection("127.0.0.1", self.port, timeout=10)
        with contextlib.closing(connection), contextlib.suppress(ConnectionError):
            connection.request("GET", "/readyz")
            return str(json.loads(connection.getresponse().read())["status"])
        return ""


class TLSProxy:
    """A proxy that terminates TLS, and a client for it.

    Attributes:
        folder: Of its files, with the certificate in `tls/`.
        port: Of HTTPS.
        plain_port: Of HTTP.
    """

    def __init__(self, folder: Path) -> None:
        self.folder = folder
        self.port, self.plain_port = free_port(), free_port()
        self._make_certificate()

    def get(self, path: str, **headers: str) -> Response:
        return self.send("GET", path, **headers)

    def send(self, method: str, path: str, body: Any = None, **headers: str) -> Response:
        """Send one request over HTTPS on a connection of its own; the path is the whole one."""
        connection = self.connect()
        with contextlib.closing(connection):
            connection.request(method, path, body, {"Host": "localhost"} | headers)
            response = connection.getresponse()
            return Response(response.status, response.headers, response.read())

    def connect(self) -> http.client.HTTPSConnection:
        context = ssl.create_default_context(cafile=str(self.folder / "tls" / "fullchain.pem"))
        return http.client.HTTPSConnection("localhost", self.port, timeout=60, context=context)

    def _make_certificate(self) -> None:
        tls = self.folder / "tls"
        tls.mkdir()
        subprocess.run(
            [
                *(
                    "openssl",
                    "req",
                    "-x509",
                    "-newkey",
                    "ec",
                    "-pkeyopt",
                    "ec_paramgen_curve:P-256",
                ),
                *("-nodes", "-days", "2", "-subj", "/CN=localhost"),
                *("-addext", "subjectAltName=DNS:localhost,IP:127.0.0.1"),
                *("-keyout", str(tls / "privkey.pem"), "-out", str(tls / "fullchain.pem")),
            ],
            check=True,
            capture_output=True,
        )


class Nginx(TLSProxy):
    """nginx on two free ports; files of the site are copied, with the places of this run.

    Args:
        static: Folder of static files.
        events_port: Of the process that holds event streams, if there is one.
        ready: Status of /healthz when it is ready.
    """

    def __init__(
        self,
        folder: Path,
        upstream_ports: list[int],
        static: Path,
        *,
        events_port: int | None = None,
        ready: int = 200,
    ) -> None:
        super().__init__(folder)
        self.static = static
        self.events_port = events_port or free_port()
        self._write_site(upstream_ports)
        subprocess.run(
            [*self._command(), "-t"], check=True, capture_output=True, text=True, timeout=PATIENCE_S
        )
        self._process = subprocess.Popen(self._command())
        try:
            wait_until(lambda: self._is_ready(ready))
        except BaseException:
            self.stop()
            raise

    def stop(self) -> None:
        self._process.send_signal(signal.SIGQUIT)
        self._process.wait(PATIENCE_S)

    def _is_ready(self, status: int) -> bool:
        with contextlib.suppress(ConnectionError):
            return self.get("/healthz").status == status
        return False

    def _command(self) -> list[str]:
        return [find_proxy("nginx"), "-p", str(self.folder), "-c", str(self.folder / "nginx.conf")]

    def _write_site(self, upstream_ports: list[int]) -> None:
        places = {
            # First, because the folder is in /tmp as well.
            "/tmp/": f"{self.folder}/",  # noqa: S108 - of the container
            "/etc/nginx/morpheus/": f"{self.folder}/",
            "/var/cache/nginx": f"{self.folder}/cache",
            "/dev/stderr": f"{self.folder}/error.log",
            "access_log /dev/stdout": "access_log off",
            "/srv/static/": f"{self.static}/",
            "[::]:80;": f"[::1]:{self.plain_port};",
            "[::]:443 ": f"[::1]:{self.port} ",
            "listen 80;": f"listen 127.0.0.1:{self.plain_port};",
            "listen 443 ": f"listen 127.0.0.1:{self.port} ",
            "127.0.0.1:8001": f"127.0.0.1:{upstream_ports[0]}",
            "127.0.0.1:8002": f"127.0.0.1:{upstream_ports[-1]}",
            "127.0.0.1:8010": f"127.0.0.1:{self.events_port}",
        }
        (self.folder / "cache").mkdir()
        for file in (MAIN, SITE / "morpheus.conf", SITE / "upstream.conf"):
            text = file.read_text()
            for here, there in places.items():
                text = text.replace(here, there)
            (self.folder / file.name).write_text(text)
        if os.geteuid() == 0:
            # pytest's folders are closed to other users.
            main = self.folder / MAIN.name
            main.write_text(f"user root;\n{main.read_text()}")
