"""Server processes of a tool's own, on free ports of the loopback interface."""

from __future__ import annotations

import os
import shutil
import signal
import socket
import subprocess
import sys
import time
from collections.abc import Callable, Mapping, Sequence
from contextlib import closing, nullcontext, suppress
from pathlib import Path
from typing import Self

from django.core.management.base import CommandError

from morpheus.embedded.metrics_folder import make_metrics_folder
from morpheus.embedded.processes import die_with_parent
from morpheus.serving.listening import server_command
from perf.lab.harness.http_client import BadResponse, Connection

MORPHEUS = "morpheus.wsgi:application"
REPOSITORY = Path(__file__).resolve().parents[3]
# As many as `make run` has by default.
THREADS = 16
START_TIMEOUT_S = 60.0
# A server may finish its requests for so long, then it is killed.
STOP_TIMEOUT_S = 10.0
POLL_S = 0.05
# Limits per caller are meant for strangers; here all callers have one address.
UNLIMITED = {
    f"MORPHEUS_THROTTLE_{limit}": "1000000000"
    for limit in (
        *("LOGIN_PER_MINUTE", "REGISTER_PER_HOUR", "WRITES_PER_MINUTE", "PARSES_PER_HOUR"),
        *("MAILS_PER_HOUR", "EXPORTS_PER_DAY"),
    )
}


def measured_environment(database_url: str, *, has_cache: bool) -> dict[str, str]:
    """Return the variables of a measured Morpheus: no limits per caller, cheap logins."""
    return UNLIMITED | {
        "EMAIL_URL": "dummymail://",
        "MORPHEUS_HTTPS": "off",
        "MORPHEUS_CACHE": "on" if has_cache else "off",
        "DATABASE_URL": database_url,
        "DJANGO_SETTINGS_MODULE": "perf.lab.harness.settings",
    }


class ServerFailed(CommandError):
    """A server does not start; its output says why."""


class Servers:
    """Several servers that share a database and a cache; they end with this process.

    Their metrics are in shared files, as those of `manage.py serve`.

    Args:
        environment: Variables beside those of this process.
        application: Served by granian, unless there is a `command`.
        command: Returns the command line of a server of another kind on a port.
        probe: A path with status 200 on a ready server.
        threads: Of each server, unless there is a `command`.
        log: File for the output of the servers; without it they share that of this process.

    Attributes:
        ports: One for each server.
    """

    def __init__(
        self,
        count: int,
        *,
        environment: Mapping[str, str],
        application: str = MORPHEUS,
        command: Callable[[int], Sequence[str]] | None = None,
        probe: str = "/readyz",
        threads: int = THREADS,
        log: Path | None = None,
    ) -> None:
        self.ports = _find_free_ports(count)
        self._command = command or (
            lambda port: server_command(application, port=port, threads=threads)
        )
        self._probe, self._log = probe, log
        self._environment = {**os.environ, **environment}
        self._metrics: dict[int, Path] = {}
        self._processes: list[subprocess.Popen[bytes]] = []

    def __enter__(self) -> Self:
        """Start the servers.

        Raises:
            ServerFailed: One of them ends, or is not ready in time.
        """
        self.empty_log()
        self._metrics = {port: make_metrics_folder() for port in self.ports}
        try:
            self._processes = [self._start(port) for port in self.ports]
            for port, process in zip(self.ports, self._processes, strict=True):
                self._wait_until_ready(port, process)
        except BaseException:
            self.stop()
            raise
        return self

    def __exit__(self, *error: object) -> None:
        self.stop()

    @property
    def pids(self) -> list[int]:
        """Of the parents of the worker processes."""
        return [process.pid for process in self._processes]

    def stop(self) -> None:
        """Stop all servers; kill those that do not stop."""
        for process in self._processes:
            process.terminate()
        for process in self._processes:
            with suppress(subprocess.TimeoutExpired):
                process.wait(STOP_TIMEOUT_S)
            _kill(process)
        for folder in self._metrics.values():
            shutil.rmtree(folder, ignore_errors=True)

    def kill(self, number: int) -> None:
        """Kill a server in the middle of its work; `revive` starts it again."""
        _kill(self._processes[number])

    def revive(self) -> None:
        """Start the servers that have ended again."""
        for number, process in enumerate(self._processes):
            if process.poll() is not None:
                _kill(process)  # Its workers may be left.
                self._processes[number] = self._start(self.ports[number])

    def wait_until_ready(self) -> None:
        """Wait for all servers; start those again that end meanwhile.

        Raises:
            ServerFailed: One of them is not ready in time.
        """
        for port in self.ports:
            self._wait_until_ready(port)

    def empty_log(self) -> None:
        """Drop the output until now, which can be gigabytes of requests."""
        if self._log:
            self._log.write_bytes(b"")

    def _start(self, port: int) -> subprocess.Popen[bytes]:
        with self._log.open("ab") if self._log else nullcontext() as output:
            return subprocess.Popen(  # noqa: S603 - our own command line
                self._command(port),
                cwd=REPOSITORY,
                env=self._environment | {"PROMETHEUS_MULTIPROC_DIR": str(self._metrics[port])},
                stdout=output,
                stderr=output,
                start_new_session=True,
                preexec_fn=die_with_parent,
            )

    def _wait_until_ready(self, port: int, starting: subprocess.Popen[bytes] | None = None) -> None:
        deadline = time.monotonic() + START_TIMEOUT_S
        while not self._is_ready(port):
            if starting is None:
                self.revive()
            elif starting.poll() is not None:
                raise ServerFailed(
                    f"A server does not start; {self._log or 'its output'} says why."
                )
            if time.monotonic() > deadline:
                raise ServerFailed(f"The server on port {port} is not ready in time.")
            time.sleep(POLL_S)

    def _is_ready(self, port: int) -> bool:
        with suppress(OSError, BadResponse), closing(Connection(port)) as connection:
            return connection.get(self._probe).status == 200
        return False


class Worker:
    """`manage.py worker` on the services of this process; it ends with this process."""

    def __enter__(self) -> Self:
        self._process = self._start()
        return self

    def __exit__(self, *error: object) -> None:
        self._process.terminate()
        self._process.wait(30)

    @property
    def pid(self) -> int:
        return self._process.pid

    def replace(self) -> None:
        """Kill the worker in the middle of its work, and start another one."""
        self._process.kill()
        self._process.wait()
        self._process = self._start()

    def _start(self) -> subprocess.Popen[bytes]:
        command = [sys.executable, "manage.py", "worker"]
        return subprocess.Popen(command, cwd=REPOSITORY, preexec_fn=die_with_parent)  # noqa: S603


def _kill(process: subprocess.Popen[bytes]) -> None:
    """End a server and its workers at once."""
    with suppress(ProcessLookupError):
        os.killpg(process.pid, signal.SIGKILL)
    process.wait()


def _find_free_ports(count: int) -> list[int]:
    probes = [socket.create_server(("127.0.0.1", 0)) for _ in range(count)]
    ports = [int(probe.getsockname()[1]) for probe in probes]
    for probe in probes:
        probe.close()
    return ports
