"""`make run` where no wheel of the embedded servers fits: Debian's PostgreSQL and Redis."""

from __future__ import annotations

import os
import shutil
from collections.abc import Iterator
from pathlib import Path

import pytest

from morpheus.embedded.clean import clean
from morpheus.embedded.supervisor import EmbeddedServices
from tests.serving import environment, prepare

from .nginx import Instance


@pytest.fixture
def var(tmp_path: Path) -> Iterator[Path]:
    yield tmp_path / "var"
    clean(tmp_path / "var")


def test_debians_servers_serve_the_api(var: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    folders = [str(path) for path in Path("/usr/lib/postgresql").glob("*/bin")]
    monkeypatch.setenv("PATH", os.pathsep.join([*folders, os.environ["PATH"]]))
    for program in ("postgres", "redis-server"):
        if shutil.which(program) is None:
            pytest.fail(f"There is no {program}: apt-get install postgresql redis-server.")
    monkeypatch.setattr("morpheus.embedded.paths._find_package", lambda name: None)

    with EmbeddedServices(var, durable=False) as services:
        versions = [status.version for status in services.status()]
        prepare(var, "--password=a long pass phrase", "--novels=20", "--users=2", "--comics=5")
        instance = Instance(environment(var, MORPHEUS_CACHE="on"), var / "web.log")
        novels = instance.get("/novels/").json["results"]
        search = instance.get("/search/?q=the")
        instance.stop()

    assert [version.split(" ")[0] for version in versions if version] == ["PostgreSQL", "Redis"]
    assert novels and search.status == 200
