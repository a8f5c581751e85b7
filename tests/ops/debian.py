"""A cluster of Debian's PostgreSQL, and the variables of docs/backup.md for it."""

from __future__ import annotations

import os
import pwd
import re
import shutil
import subprocess
from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.serving import REPOSITORY

CLUSTER = "morpheus_test"
TEXT = (REPOSITORY / "docs" / "backup.md").read_text().partition("## Restore to a point in time")[2]
NAMES, ARCHIVE, COPY, MOMENT, RESTORE = re.findall(r"^```sh\n(.*?)^```", TEXT, re.S | re.M)


class Debian:
    """A cluster of Debian's PostgreSQL, and the variables of the operator's shell."""

    def __init__(self, version: str, folder: Path) -> None:
        self.version = version
        self.names = {
            "PGCLUSTER": f"{version}/{CLUSTER}",
            "DATA": f"/var/lib/postgresql/{version}/{CLUSTER}",
            "ARCHIVE": str(folder / "wal"),
            "BASE": str(folder / "base"),
        }
        # No name of the documentation is forgotten here.
        assert set(re.findall(r"(\w+)=", NAMES)) == set(self.names)
        self.run_as_root("pg_createcluster", "--start", version, CLUSTER)

    def run_as_root(self, program: str, *arguments: str) -> None:
        subprocess.run([program, *arguments], check=True)

    def shell(self, commands: str, **names: str) -> str:
        """Run commands as the operator does, until one fails; return their output."""
        done = subprocess.run(
            ["bash", "-euo", "pipefail", "-c", commands],
            env={"PATH": f"{os.defpath}:/usr/sbin:{self.programs}"} | self.names | names,
            cwd="/",
            user="postgres",
            group="postgres",
            extra_groups=os.getgrouplist("postgres", pwd.getpwnam("postgres").pw_gid),
            capture_output=True,
            text=True,
            check=False,
        )
        assert done.returncode == 0, done.stdout + done.stderr
        return done.stdout.strip()

    @property
    def programs(self) -> str:
        return f"/usr/lib/postgresql/{self.version}/bin"

    def psql(self, statement: str) -> str:
        return self.shell(f'psql -d postgres -Atqc "{statement}"')


@pytest.fixture
def debian(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Debian]:
    versions = sorted(path.name for path in Path("/usr/lib/postgresql").glob("*"))
    if not versions or shutil.which("pg_createcluster") is None or os.geteuid() != 0:
        pytest.fail("This needs root, and apt-get install postgresql.", pytrace=False)
    folder = Path("/var/lib/postgresql/morpheus_test")
    shutil.rmtree(folder, ignore_errors=True)
    folder.mkdir()
    shutil.chown(folder, "postgres", "postgres")
    debian = Debian(versions[-1], folder)
    yield debian
    debian.run_as_root("pg_dropcluster", "--stop", versions[-1], CLUSTER)
    shutil.rmtree(folder)
    shutil.rmtree(debian.names["DATA"] + ".before", ignore_errors=True)
