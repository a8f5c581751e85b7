"""The units of `ops/systemd/`: accepted by systemd, and Morpheus works with their system calls."""

from __future__ import annotations

import os
import re
import shutil
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest

from morpheus.embedded.supervisor import EmbeddedServices
from tests.serving import REPOSITORY, environment

from .conftest import PASSWORD
from .nginx import Instance

UNITS = REPOSITORY / "ops" / "systemd"
# Of `systemd-analyze security`: 0 is a service that may do nothing, 10 one that may do everything.
MOST_EXPOSURE = 2.0
# What systemd does for SystemCallFilter= and SystemCallErrorNumber=EPERM.
WITH_FILTER = """
import ctypes, os, sys
lib = ctypes.CDLL("libseccomp.so.2")
lib.seccomp_init.restype = ctypes.c_void_p
ALLOW, EPERM = 0x7FFF0000, 0x00050001
context = ctypes.c_void_p(lib.seccomp_init(EPERM))
for name in sys.argv[1].split(","):
    number = lib.seccomp_syscall_resolve_name(name.encode())
    if number >= 0:
        lib.seccomp_rule_add(context, ALLOW, number, 0)
if lib.seccomp_load(context) != 0:
    sys.exit("The filter was not accepted.")
os.execv(sys.executable, [sys.executable, *sys.argv[2:]])
"""


def systemd_analyze(*arguments: str, **variables: str) -> subprocess.CompletedProcess[str]:
    if shutil.which("systemd-analyze") is None:
        pytest.fail("There is no systemd-analyze: apt-get install systemd.", pytrace=False)
    return subprocess.run(
        ["systemd-analyze", *arguments],
        env=os.environ | variables,
        stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT,
        text=True,
        check=False,
    )


@pytest.fixture
def units(tmp_path: Path) -> Path:
    """The units, with their drop-in, as docs/deployment.md installs them."""
    shutil.copy(UNITS / "morpheus-backup.timer", tmp_path)
    for unit in UNITS.glob("*.service"):
        text = unit.read_text().replace("/srv/venv/bin/python", sys.executable)
        (tmp_path / unit.name).write_text(text)
        dropin = tmp_path / f"{unit.name}.d"
        dropin.mkdir()
        shutil.copy(UNITS / "hardening.conf", dropin)
    return tmp_path


NAMES = (
    "morpheus-web@8001.service",
    "morpheus-worker.service",
    "morpheus-events.service",
    "morpheus-migrate.service",
    "morpheus-backup.service",
    "morpheus-backup.timer",
)
SERVICES = ("morpheus-web@.service", "morpheus-events.service", "morpheus-worker.service")


def test_systemd_accepts_the_units(units: Path) -> None:
    response = systemd_analyze("verify", "--man=no", *NAMES, SYSTEMD_UNIT_PATH=f"{units}:")

    assert response.returncode == 0 and response.stdout == ""


@pytest.mark.parametrize("name", SERVICES)
def test_the_units_are_hardened(units: Path, name: str) -> None:
    options = ("--offline=true", "--no-pager", f"--threshold={int(MOST_EXPOSURE * 10)}")

    response = systemd_analyze(
        "security", *options, str(units / name), SYSTEMD_UNIT_PATH=f"{units}:"
    )

    assert response.returncode == 0, response.stdout[-300:]


def list_allowed_calls() -> str:
    """Return the system calls that the units allow, with commas between them."""
    [name] = re.findall("^SystemCallFilter=(.+)$", (UNITS / "hardening.conf").read_text(), re.M)
    sets: dict[str, list[str]] = {}
    for line in systemd_analyze("syscall-filter", "--no-pager").stdout.splitlines():
        if line.startswith("@"):
            members = sets[line.strip()] = []
        elif line.strip() and not line.strip().startswith("#") and sets:
            members.append(line.strip())

    def expand(name: str) -> set[str]:
        return set().union(*map(expand, sets[name])) if name in sets else {name}

    return ",".join(sorted(expand(name)))


@pytest.fixture(scope="module")
def filtered(services: EmbeddedServices) -> tuple[str, ...]:
    return (sys.executable, "-c", WITH_FILTER, list_allowed_calls())


@pytest.fixture(scope="module")
def web(services: EmbeddedServices, filtered: tuple[str, ...]) -> Iterator[Instance]:
    """An instance that may use the system calls of its unit alone."""
    web = Instance(
        environment(services.var, MORPHEUS_CACHE="on"),
        services.var / "filtered.log",
        through=filtered,
    )
    yield web
    web.stop()


def test_web_and_worker_need_no_other_system_calls(
    web: Instance, services: EmbeddedServices, filtered: tuple[str, ...], emails: list[str]
) -> None:
    client = web.login(emails[0], PASSWORD)
    # Decoded in a child process with limits of its own.
    comics = client.get("/comics/?ordering=created_at").json["results"]
    thumbnail = next(filter(None, (comic["thumbnail_url"] for comic in comics)))
    assert client.get(thumbnail.removeprefix("http://localhost")).status == 200
    body = (
        b'--edge\r\nContent-Disposition: form-data; name="file"; filename="a.txt"\r\n'
        b"Content-Type: text/plain\r\n\r\nCHAPTER 1\n\nA text of its own.\r\n--edge--\r\n"
    )
    upload = client.send(
        "POST", "/novels/", body, **{"Content-Type": "multipart/form-data; boundary=edge"}
    )
    assert upload.status == 201, upload.json

    worker = subprocess.run(
        [*filtered, "manage.py", "worker", "--batch"],
        cwd=REPOSITORY,
        env=environment(services.var, MORPHEUS_CACHE="on"),
        capture_output=True,
        text=True,
        check=False,
    )

    assert worker.returncode == 0, worker.stderr
    assert client.get(f"/novels/{upload.json['id']}/status/").json["state"] == "completed"
    assert "Operation not permitted" not in web.log.read_text() + worker.stderr
