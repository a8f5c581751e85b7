"""Start the fork server, and children by it."""

from __future__ import annotations

import os
import signal
import socket
import subprocess
import sys
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from multiprocessing.connection import Connection, Pipe
from typing import Any

from morpheus.sandbox.limits import Crashed, SandboxError, TimeLimit, Unavailable
from morpheus.serving.process_tuning import list_unpinned_cores

# Limit for the start of a child; the first one waits for imports.
START_TIMEOUT_S = 20.0
# Limit for the exit status of a child whose channel is closed.
STATUS_TIMEOUT_S = 5.0
# The only variables that the fork server inherits: no passwords, no keys.
_INHERITED = ("PATH", "LD_LIBRARY_PATH", "LANG", "LC_ALL", "TMPDIR")
_OUT_OF_TIME = {-signal.SIGALRM, -signal.SIGXCPU}
# A connection whose other end is gone.
_HUNG_UP = (EOFError, BrokenPipeError, ConnectionResetError)


class Job:
    """A child process: a channel to it, and a leash, whose closing kills it."""

    def __init__(self, channel: Connection[Any, Any], leash: Connection[Any, Any]) -> None:
        self._channel = channel
        self._leash = leash

    def send(self, message: Any) -> None:
        """Send the child a message.

        Raises:
            SandboxError: The child has ended.
        """
        try:
            self._channel.send(message)
        except _HUNG_UP as error:
            raise self._explain_end() from error

    def receive(self, timeout_s: float) -> Any:
        """Return the child's next message, None if there is none in time.

        Raises:
            SandboxError: The child has ended.
        """
        try:
            return self._channel.recv() if self._channel.poll(max(0.0, timeout_s)) else None
        except _HUNG_UP as error:
            raise self._explain_end() from error

    def _explain_end(self) -> SandboxError:
        """Return the reason why the child ended without a result."""
        try:
            if not self._leash.poll(STATUS_TIMEOUT_S):
                return Crashed("The child process closed its channel.")
            code = os.waitstatus_to_exitcode(int(self._leash.recv_bytes()))
        except _HUNG_UP:
            return Unavailable("The fork server has ended.")
        if code in _OUT_OF_TIME:
            return TimeLimit("It took too much time.")
        how = f"signal {signal.Signals(-code).name}" if code < 0 else f"exit code {code}"
        return Crashed(f"The child process ended by {how}.")


@contextmanager
def running_job(module: str) -> Iterator[Job]:
    """Start a child that has imported `module`; it is killed at the end of the block.

    Raises:
        Unavailable: No child can be started.
    """
    server = _ensure_server()
    try:
        channel, leash = server.fork(module)
    except (EOFError, OSError):
        # The fork server was killed: try once more with a new one.
        try:
            channel, leash = _ensure_server(instead_of=server).fork(module)
        except (EOFError, OSError) as error:
            raise Unavailable("No child process can be started.") from error
    with channel, leash:
        yield Job(channel, leash)


class _ForkServer:
    """A running `morpheus.sandbox.forkserver`; it ends with this process."""

    def __init__(self) -> None:
        environment = {name: os.environ[name] for name in _INHERITED if name in os.environ}
        environment["PYTHONPATH"] = os.pathsep.join(map(os.path.abspath, sys.path))
        cores = ",".join(map(str, list_unpinned_cores()))
        self._control, child_end = socket.socketpair()
        with child_end:
            self._process = subprocess.Popen(  # noqa: S603 - our own command line
                [sys.executable, "-P", "-m", "morpheus.sandbox.forkserver", cores],
                stdin=child_end.fileno(),
                stdout=subprocess.DEVNULL,
                env=environment,
                # Only this process handles Ctrl-C.
                start_new_session=True,
            )

    def has_ended(self) -> bool:
        return self._process.poll() is not None

    def close(self) -> None:
        self._control.close()
        self._process.kill()
        self._process.wait()

    def fork(self, module: str) -> tuple[Connection[Any, Any], Connection[Any, Any]]:
        """Return the channel and the leash of a running child; raises EOFError, OSError."""
        channel, its_channel = Pipe()
        leash, its_leash = Pipe()
        try:
            with its_channel, its_leash:
                leash.send_bytes(module.encode())
                descriptors = [its_channel.fileno(), its_leash.fileno()]
                socket.send_fds(self._control, [b"j"], descriptors)
            if not leash.poll(START_TIMEOUT_S):
                raise Unavailable(f"No child process was started within {START_TIMEOUT_S:g} s.")
            leash.recv_bytes()
        except BaseException:
            channel.close()
            leash.close()
            raise
        return channel, leash


_lock = threading.Lock()
_server: _ForkServer | None = None


def _ensure_server(*, instead_of: _ForkServer | None = None) -> _ForkServer:
    """Return the fork server; start it for the first job, and when it has ended."""
    global _server
    with _lock:
        if _server is None or _server is instead_of or _server.has_ended():
            if _server is not None:
                _server.close()
            _server = _ForkServer()
        return _server
