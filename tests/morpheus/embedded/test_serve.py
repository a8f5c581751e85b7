"""`manage.py serve` in a project of a few lines: the web server alone, in this very process."""

from __future__ import annotations

import os
import signal
import socket
import subprocess
import sys
from collections.abc import Callable, Iterator
from pathlib import Path

import psutil
import pytest

from morpheus.embedded.supervisor import EmbeddedServices

from .conftest import REPOSITORY, wait_until
from .small_project import environment
from .test_run import free_port, get

Serve = Callable[[], subprocess.Popen[str]]


@pytest.fixture
def port() -> int:
    return free_port()


@pytest.fixture
def serve(project: Path, var: Path, port: int) -> Iterator[Serve]:
    made: list[subprocess.Popen[str]] = []

    def start() -> subprocess.Popen[str]:
        command = [sys.executable, "manage.py", "serve", "--port", str(port)]
        made.append(
            subprocess.Popen(
                command,
                cwd=project,
                env=environment(var, REPOSITORY),
                stdout=subprocess.PIPE,
                stderr=subprocess.STDOUT,
                text=True,
            )
        )
        return made[-1]

    yield start
    for process in made:
        process.kill()
        process.communicate()


@pytest.fixture
def serving(serve: Serve, var: Path, port: int) -> Iterator[subprocess.Popen[str]]:
    """A process that serves, on servers that run already."""
    with EmbeddedServices(var, durable=False):
        process = serve()
        assert wait_until(lambda: is_served(port))
        yield process


def is_served(port: int) -> bool:
    try:
        return get(port, "/readyz") == 200
    except OSError:
        return False


def test_it_serves_without_preparing_anything_and_leaves_nothing_behind(
    serving: subprocess.Popen[str], port: int
) -> None:
    guard = psutil.Process(serving.pid)
    [server] = guard.children()
    metrics = Path(server.environ()["PROMETHEUS_MULTIPROC_DIR"])
    below = guard.children(recursive=True)
    assert metrics.is_dir() and not [each for each in below if "worker" in each.cmdline()]

    serving.terminate()
    output, _ = serving.communicate(timeout=20)

    assert serving.returncode == 0 and "step" not in output
    _, left = psutil.wait_procs(below, timeout=5)
    assert not metrics.exists() and left == []
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", port))


def test_the_process_that_was_started_holds_no_django(serving: subprocess.Popen[str]) -> None:
    assert psutil.Process(serving.pid).memory_info().rss < 30 * 1024 * 1024


def test_a_server_that_is_killed_is_replaced(serving: subprocess.Popen[str], port: int) -> None:
    [server] = psutil.Process(serving.pid).children()

    os.kill(server.pid, signal.SIGKILL)

    assert wait_until(lambda: not server.is_running())
    assert get(port, "/readyz") == 200 and serving.poll() is None


def test_a_start_without_any_server_of_data_says_what_to_set(serve: Serve) -> None:
    process = serve()
    output, _ = process.communicate(timeout=30)

    assert process.returncode == 1
    assert "DATABASE_URL and REDIS_URL" in output and "manage.py services up" in output


def test_a_used_port_is_refused(serve: Serve, var: Path, port: int) -> None:
    with EmbeddedServices(var, durable=False), socket.create_server(("127.0.0.1", port)):
        output, _ = serve().communicate(timeout=30)

    assert f"Cannot serve on 127.0.0.1:{port}" in output
