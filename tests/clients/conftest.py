"""A whole Morpheus (`manage.py run`), and the tools that make clients for it."""

from __future__ import annotations

import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest
from PIL import Image

from morpheus.embedded.clean import clean
from tests.clients.installation import install_python, install_typescript
from tests.ops.nginx import free_port
from tests.serving import REPOSITORY, Client, environment, wait_until

# Clients of one address send everything.
_UNLIMITED = dict.fromkeys(
    (
        *("MORPHEUS_THROTTLE_REGISTER_PER_HOUR", "MORPHEUS_THROTTLE_MAILS_PER_HOUR"),
        *("MORPHEUS_THROTTLE_PARSES_PER_HOUR", "MORPHEUS_THROTTLE_EXPORTS_PER_DAY"),
    ),
    "1000000",
)


class Morpheus(Client):
    """A running Morpheus, and an anonymous client for it."""

    @property
    def url(self) -> str:
        return f"http://127.0.0.1:{self.port}"


@pytest.fixture(scope="session")
def morpheus(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Morpheus]:
    var = tmp_path_factory.mktemp("clients") / "var"
    log = var.with_name("log")
    client = Morpheus(free_port())
    # Streams end soon, because a generated test reads each response to its end.
    served = environment(
        var,
        MORPHEUS_CACHE="on",
        MORPHEUS_EVENTS_MAX_S="1",
        # With cheap logins, of which there are many.
        DJANGO_SETTINGS_MODULE="perf.lab.harness.settings",
        **_UNLIMITED,
    )
    command = [sys.executable, "manage.py", "run", "--no-seed", f"--port={client.port}"]
    with log.open("wb") as output:
        run = subprocess.Popen(command, cwd=REPOSITORY, env=served, stdout=output, stderr=output)

    def is_ready() -> bool:
        assert run.poll() is None, log.read_text()
        try:
            return client.get("/readyz").status == 200
        except ConnectionError:
            return False

    try:
        wait_until(is_ready, patience_s=180)
        yield client
    finally:
        run.terminate()
        run.wait(60)
        clean(var)


@pytest.fixture(scope="session")
def python_tools() -> Path:
    """The folder of the programs of openapi-python-client and schemathesis."""
    return install_python()


@pytest.fixture(scope="session")
def typescript_tools() -> Path:
    """The folder with the modules of openapi-typescript and TypeScript."""
    return install_typescript()


@pytest.fixture(scope="session")
def picture(tmp_path_factory: pytest.TempPathFactory) -> Path:
    path = tmp_path_factory.mktemp("picture") / "panel.png"
    Image.new("RGB", (40, 30), "navy").save(path)
    return path
