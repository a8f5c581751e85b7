"""A real Prometheus with the configuration and the rules of `ops/`."""

from __future__ import annotations

import http.client
import json
import shutil
import socket
import subprocess
from pathlib import Path
from typing import Any
from urllib.parse import urlencode

import pytest

from tests.serving import REPOSITORY, wait_until

OPS = REPOSITORY / "ops" / "prometheus"


def find_program(name: str) -> str:
    """Return the path of a program of Debian's `prometheus`."""
    path = shutil.which(name)
    if path is None:
        pytest.fail(f"There is no {name}: apt-get install prometheus.", pytrace=False)
    return path


def promtool(*arguments: str, page: bytes = b"") -> subprocess.CompletedProcess[bytes]:
    """Run promtool, with `page` as its standard input."""
    command = [find_program("promtool"), *arguments]
    return subprocess.run(command, cwd=OPS, input=page, capture_output=True, check=False)


class Prometheus:
    """One Prometheus that scrapes the server at `port` every second."""

    def __init__(self, folder: Path, port: int, token: str) -> None:
        with socket.socket() as probe:
            probe.bind(("127.0.0.1", 0))
            self.port = int(probe.getsockname()[1])
        self.log = folder / "prometheus.log"
        for file in OPS.glob("*.rules.yml"):
            shutil.copy(file, folder)
        (folder / "metrics_token").write_text(token)
        targets = (OPS / "targets.yml").read_text()
        (folder / "targets.yml").write_text(targets.replace(":8000", f":{port}"))
        configuration = folder / "prometheus.yml"
        configuration.write_text((OPS / "prometheus.yml").read_text().replace("15s", "1s"))
        with self.log.open("wb") as output:
            self._process = subprocess.Popen(
                [
                    find_program("prometheus"),
                    f"--config.file={configuration}",
                    f"--storage.tsdb.path={folder / 'data'}",
                    f"--web.listen-address=127.0.0.1:{self.port}",
                ],
                stdout=output,
                stderr=output,
            )
        try:
            wait_until(self._is_ready)
        except BaseException:
            self.stop()
            raise

    def stop(self) -> None:
        self._process.terminate()
        self._process.wait(30)

    def query(self, expression: str) -> list[dict[str, Any]]:
        """Return the current series of an expression."""
        path = "/api/v1/query?" + urlencode({"query": expression})
        series: list[dict[str, Any]] = self.get(path)["result"]
        return series

    def get(self, path: str) -> Any:
        connection = http.client.HTTPConnection("127.0.0.1", self.port, timeout=10)
        try:
            connection.request("GET", path)
            body = connection.getresponse().read()
        finally:
            connection.close()
        return json.loads(body)["data"]

    def _is_ready(self) -> bool:
        assert self._process.poll() is None, self.log.read_text()
        try:
            return bool(self.query("vector(1)"))
        except (ConnectionError, json.JSONDecodeError):
            return False
