"""Real services in folders of their own, apart from those of the other tests."""

from __future__ import annotations

import subprocess
import sys
import time
from collections.abc import Callable, Iterator
from pathlib import Path

import psutil
import pytest

from morpheus.embedded.clean import clean
from morpheus.embedded.supervisor import EmbeddedServices

from .small_project import write_project

REPOSITORY = Path(__file__).resolve().parents[3]

# Starts services as their owner, reports it, and stays until it is stopped or killed.
OWNER = """
import signal, sys, time
from pathlib import Path
from morpheus.embedded.supervisor import EmbeddedServices
# A shell starts what runs in the background with this signal ignored.
signal.signal(signal.SIGINT, signal.default_int_handler)
with EmbeddedServices(Path(sys.argv[1]), durable=False):
    print("ready", flush=True)
    time.sleep(60)
"""


@pytest.fixture
def var(tmp_path: Path) -> Iterator[Path]:
    folder = tmp_path / "var"
    folder.mkdir()
    yield folder
    clean(folder)


@pytest.fixture
def project(tmp_path: Path) -> Path:
    write_project(tmp_path / "project")
    return tmp_path / "project"


@pytest.fixture(scope="session")
def shared(tmp_path_factory: pytest.TempPathFactory) -> Iterator[EmbeddedServices]:
    """Return running services for tests that do not change them."""
    folder = tmp_path_factory.mktemp("services") / "var"
    with EmbeddedServices(folder, durable=False) as services:
        yield services
    clean(folder)


@pytest.fixture
def make_owner(var: Path) -> Iterator[Callable[[], subprocess.Popen[str]]]:
    """Start another process that owns the services of `var`, in a process group of its own."""
    made: list[subprocess.Popen[str]] = []

    def start() -> subprocess.Popen[str]:
        command = [sys.executable, "-c", OWNER, str(var)]
        owner = subprocess.Popen(
            command, cwd=REPOSITORY, stdout=subprocess.PIPE, text=True, process_group=0
        )
        made.append(owner)
        assert owner.stdout is not None
        assert owner.stdout.readline() == "ready\n"
        return owner

    yield start
    for owner in made:
        owner.kill()
        owner.wait()
        assert owner.stdout is not None
        owner.stdout.close()


def servers_of(services: EmbeddedServices) -> list[psutil.Process]:
    """Return every live process whose command names the socket folder of `services`."""
    needle = str(services.addresses.socket_dir)
    servers = []
    for process in psutil.process_iter():
        try:
            if needle in " ".join(process.cmdline()):
                servers.append(process)
        except (psutil.NoSuchProcess, psutil.AccessDenied, psutil.ZombieProcess):
            continue
    return servers


def is_gone(pid: int) -> bool:
    """Tell whether a process has ended; its new parent may not have noticed yet."""
    try:
        return bool(psutil.Process(pid).status() == psutil.STATUS_ZOMBIE)
    except psutil.NoSuchProcess:
        return True


def wait_until(condition: Callable[[], bool], *, at_most_s: float = 20) -> bool:
    deadline = time.monotonic() + at_most_s
    while time.monotonic() < deadline:
        if condition():
            return True
        time.sleep(0.05)
    return condition()
