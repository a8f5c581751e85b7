"""`manage.py run` in a project with steps, server and worker of a few lines each."""

from __future__ import annotations

import http.client
import os
import random
import re
import signal
import socket
import subprocess
import sys
from collections.abc import Callable, Iterator
from contextlib import suppress
from pathlib import Path
from typing import Any

import psutil
import pytest

from morpheus.embedded.supervisor import EmbeddedServices
from morpheus.management.preparation_lock import WAITING

from .conftest import REPOSITORY, is_gone, servers_of, wait_until
from .small_project import environment


def free_port() -> int:
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return int(probe.getsockname()[1])


@pytest.fixture
def port() -> int:
    """A free port followed by another one, below those that the kernel gives to connections."""
    while True:
        port = random.randrange(20_000, 32_000)  # noqa: S311
        first, second = ("127.0.0.1", port), ("127.0.0.1", port + 1)
        with suppress(OSError), socket.create_server(first), socket.create_server(second):
            return port


@pytest.fixture
def other_port() -> int:
    return free_port()


@pytest.fixture
def make_run(project: Path, var: Path, port: int) -> Iterator[Callable[..., subprocess.Popen[str]]]:
    """Start `manage.py run` in a process group of its own, output to a pipe."""
    made: list[subprocess.Popen[str]] = []

    def start(*arguments: str, through: tuple[str, ...] = (), at: int = port, **extra: str) -> Any:
        run = subprocess.Popen(
            [*through, sys.executable, "manage.py", "run", "--port", str(at), *arguments],
            cwd=project,
            env=environment(var, REPOSITORY) | extra,
            stdout=subprocess.PIPE,
            stderr=subprocess.STDOUT,
            text=True,
            process_group=0,
        )
        made.append(run)
        return run

    yield start
    for run in made:
        run.kill()
        run.wait()
        assert run.stdout is not None
        run.stdout.close()


def read_until_ready(run: subprocess.Popen[str]) -> str:
    assert run.stdout is not None
    output = ""
    while "/admin/" not in output:
        line = run.stdout.readline()
        assert line, output
        output += line
    return output


def get(port: int, path: str) -> int:
    connection = http.client.HTTPConnection("127.0.0.1", port, timeout=10)
    connection.request("GET", path, headers={"Host": "localhost"})
    try:
        return connection.getresponse().status
    finally:
        connection.close()


def responds(port: int, path: str) -> bool:
    with suppress(ConnectionError):
        return get(port, path) == 200
    return False


def processes_of(project: Path, services: EmbeddedServices) -> list[psutil.Process]:
    """Return every live process that works in the project's folder, and the servers."""
    processes = servers_of(services)
    for process in psutil.process_iter():
        try:
            if Path(process.cwd()) == project:
                processes.append(process)
        except (psutil.Error, OSError):
            continue
    return [process for process in processes if not is_gone(process.pid)]


def metrics_folders(project: Path, services: EmbeddedServices) -> set[Path]:
    """Return the folders that servers of the project write their metrics to."""
    folders = [
        process.environ().get("PROMETHEUS_MULTIPROC_DIR", "")
        for process in processes_of(project, services)
        if "morpheus.serving" in process.cmdline()
    ]
    return {Path(folder) for folder in folders if folder}


def test_it_prepares_serves_and_prints_urls(
    make_run: Callable[..., subprocess.Popen[str]], port: int
) -> None:
    output = read_until_ready(make_run())

    steps = [line for line in output.splitlines() if line.startswith("step")]
    assert steps == ["step migrate", "step seed", "step operator"]
    for path in ("/api/v1/", "/api/v1/docs/", "/api/v1/schema/", "/admin/"):
        assert f"http://127.0.0.1:{port}{path}\n" in output
    assert get(port, "/readyz") == 200
    assert f"http://127.0.0.1:{port + 1}/api/v1/users/me/events/\n" in output
    assert wait_until(lambda: responds(port + 1, "/healthz"))


def test_event_streams_have_another_port_if_the_next_one_is_taken(
    make_run: Callable[..., subprocess.Popen[str]], port: int
) -> None:
    with socket.create_server(("127.0.0.1", port + 1)):
        output = read_until_ready(make_run())

    [events_port] = re.findall(r"http://127.0.0.1:(\d+)/api/v1/users/me/events/\n", output)
    assert int(events_port) != port + 1
    assert wait_until(lambda: responds(int(events_port), "/healthz"))


@pytest.mark.parametrize("number", [signal.SIGINT, signal.SIGTERM, signal.SIGKILL])
def test_no_process_is_left_after_any_end(
    make_run: Callable[..., subprocess.Popen[str]],
    project: Path,
    var: Path,
    number: signal.Signals,
) -> None:
    services = EmbeddedServices(var)
    run = make_run()
    read_until_ready(run)
    assert wait_until(lambda: len(processes_of(project, services)) >= 5)
    [metrics] = metrics_folders(project, services)
    assert metrics.is_dir()

    if number == signal.SIGINT:
        os.killpg(run.pid, number)  # As a terminal does.
    else:
        run.send_signal(number)

    assert run.wait() == (-signal.SIGKILL if number == signal.SIGKILL else 0)
    assert wait_until(lambda: processes_of(project, services) == [])
    assert wait_until(lambda: not metrics.exists())


def test_it_ends_with_its_parent(
    make_run: Callable[..., subprocess.Popen[str]], project: Path, var: Path
) -> None:
    calls = "import subprocess, sys; subprocess.run(sys.argv[1:])"
    make = make_run("--stop-with-parent", through=(sys.executable, "-c", calls))
    read_until_ready(make)

    make.kill()

    assert wait_until(lambda: processes_of(project, EmbeddedServices(var)) == [])


def test_a_killed_worker_is_started_again(
    make_run: Callable[..., subprocess.Popen[str]], project: Path, var: Path
) -> None:
    run = make_run()
    read_until_ready(run)

    def workers() -> list[psutil.Process]:
        running = processes_of(project, EmbeddedServices(var))
        return [process for process in running if "worker" in process.cmdline()]

    assert wait_until(lambda: len(workers()) == 1)
    killed = workers()[0]
    killed.kill()

    assert wait_until(lambda: [w.pid for w in workers()] not in ([], [killed.pid]))


def test_a_server_that_crashes_is_replaced(
    make_run: Callable[..., subprocess.Popen[str]], port: int
) -> None:
    read_until_ready(make_run())

    with pytest.raises(http.client.HTTPException):
        get(port, "/crash")

    assert get(port, "/readyz") == 200


def test_a_server_that_never_starts_ends_everything(
    make_run: Callable[..., subprocess.Popen[str]], project: Path, var: Path
) -> None:
    broken = (
        "import sys\nif 'granian' in sys.modules: raise ImportError('broken')\nurlpatterns = []"
    )
    (project / "small" / "urls.py").write_text(broken)

    run = make_run()
    output, _ = run.communicate()

    assert run.returncode == 1
    assert "The server does not start, see above." in output
    assert processes_of(project, EmbeddedServices(var)) == []


def test_a_step_that_fails_stops_everything(
    make_run: Callable[..., subprocess.Popen[str]], project: Path, var: Path
) -> None:
    run = make_run(FAILING_STEP="seed")

    output, _ = run.communicate()

    assert run.returncode == 1
    assert "Preparing the database failed, see above." in output
    assert "step operator" not in output
    assert processes_of(project, EmbeddedServices(var)) == []


def test_a_used_port_is_refused_before_anything_starts(
    make_run: Callable[..., subprocess.Popen[str]], var: Path, port: int
) -> None:
    with socket.create_server(("127.0.0.1", port)):
        output, _ = (run := make_run()).communicate()

    assert run.returncode == 1
    assert f"Cannot serve on 127.0.0.1:{port}" in output
    assert not (var / "services.lock").exists()


def read_until(run: subprocess.Popen[str], text: str) -> str:
    assert run.stdout is not None
    output = ""
    while text not in output:
        line = run.stdout.readline()
        assert line, output
        output += line
    return output


def test_two_runs_on_a_fresh_var_prepare_one_after_the_other_and_both_serve(
    make_run: Callable[..., subprocess.Popen[str]],
    project: Path,
    var: Path,
    port: int,
    other_port: int,
) -> None:
    runs = [make_run(at=at, SECONDS_OF_A_STEP="0.5") for at in (port, other_port)]
    outputs = [read_until_ready(run) for run in runs]

    assert sum(WAITING in output for output in outputs) == 1
    assert "Traceback" not in "".join(outputs)
    assert get(port, "/readyz") == get(other_port, "/readyz") == 200
    folders = metrics_folders(project, EmbeddedServices(var))
    assert len(folders) == 2 and all(folder.is_dir() for folder in folders)


def test_a_run_takes_over_from_one_that_was_killed_while_it_prepared(
    make_run: Callable[..., subprocess.Popen[str]], other_port: int
) -> None:
    first = make_run(SECONDS_OF_A_STEP="30")
    read_until(first, "step migrate")
    second = make_run(at=other_port)
    read_until(second, WAITING)

    first.kill()

    assert "step operator" in read_until_ready(second)
    assert get(other_port, "/readyz") == 200


def test_of_two_runs_on_one_port_at_once_one_is_refused(
    make_run: Callable[..., subprocess.Popen[str]], port: int
) -> None:
    first = make_run(SECONDS_OF_A_STEP="1")
    read_until(first, "step migrate")  # Its server has not bound the port yet.

    output, _ = (second := make_run()).communicate()

    assert second.returncode == 1
    assert f"Cannot serve on 127.0.0.1:{port}" in output
    read_until_ready(first)
    assert get(port, "/readyz") == 200


def test_it_may_leave_the_database_empty(make_run: Callable[..., subprocess.Popen[str]]) -> None:
    assert "step seed" not in read_until_ready(make_run("--no-seed"))
