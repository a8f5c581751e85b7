"""The server processes under test, on free ports of the loopback interface."""

from __future__ import annotations

import os
import signal
import socket
import subprocess
import time
from pathlib import Path
from types import TracebackType
from typing import Self

from morpheus.embedded.processes import die_with_parent
from morpheus.serving.listening import server_command

from .wire import Wire, WireFailed, request_bytes

START_TIMEOUT_S = 60.0
POLL_S = 0.05
REPOSITORY = Path(__file__).resolve().parents[3]


class ServersFailed(Exception):
    """A server does not start; its output says why."""


class Servers:
    """So many granian processes that serve one database and one cache."""

    def __init__(self, count: int, *, application: str, environment: dict[str, str]) -> None:
        self._application = application
        self._environment = os.environ | environment
        self.ports = _free_ports(count)
        self._processes: list[subprocess.Popen[bytes]] = []

    def __enter__(self) -> Self:
        self._processes = [self._start(port) for port in self.ports]
        try:
            for port in self.ports:
                self._wait_until_ready(port)
        except BaseException:
            self.stop()
            raise
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        self.stop()

    def stop(self) -> None:
        for process in self._processes:
            _kill(process)

    def kill(self, at: int) -> None:
        """Kill a server in the middle of whatever it does; `revive` starts it again."""
        _kill(self._processes[at])

    def revive(self) -> int:
        """Start servers that have died again; return how many had."""
        dead = [at for at, process in enumerate(self._processes) if process.poll() is not None]
        for at in dead:
            _kill(self._processes[at])  # What is left of its process group.
            self._processes[at] = self._start(self.ports[at])
        return len(dead)

    @property
    def pids(self) -> list[int]:
        """Of the processes that are parents of the workers."""
        return [process.pid for process in self._processes]

    def wait_until_ready(self) -> None:
        for port in self.ports:
            self._wait_until_ready(port)

    def _start(self, port: int) -> subprocess.Popen[bytes]:
        return subprocess.Popen(  # noqa: S603 - our own command line
            server_command(self._application, port=port, threads=16),
            cwd=REPOSITORY,
            env=self._environment,
            start_new_session=True,
            preexec_fn=die_with_parent,
        )

    def _wait_until_ready(self, port: int) -> None:
        wire = Wire(port)
        deadline = time.monotonic() + START_TIMEOUT_S
        while time.monotonic() < deadline:
            try:
                if wire.ask(request_bytes("GET", "/healthz", None)).status == 200:
                    wire.close()
                    return
            except WireFailed:
                self.revive()  # It may have died again meanwhile.
                time.sleep(POLL_S)
        raise ServersFailed(f"The server on port {port} does not get ready.")


def _kill(process: subprocess.Popen[bytes]) -> None:
    """End a server with its workers at once."""
    try:
        os.killpg(process.pid, signal.SIGKILL)
    except ProcessLookupError:
        pass
    process.wait()


def _free_ports(count: int) -> list[int]:
    probes = [socket.create_server(("127.0.0.1", 0)) for _ in range(count)]
    ports = [int(probe.getsockname()[1]) for probe in probes]
    for probe in probes:
        probe.close()
    return ports
