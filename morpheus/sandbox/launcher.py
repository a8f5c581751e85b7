"""The process that forks children, seen from the process that wants them."""

from __future__ import annotations

import atexit
import os
import signal
import socket
import subprocess
import sys
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from multiprocessing.connection import Connection
from typing import Any

from morpheus.sandbox.errors import Crashed, SandboxError, TimeLimit, Unavailable
from morpheus.serving.cores import cores_of_helpers

# Seconds until a child must have started; the first one waits for imports.
START_TIMEOUT_S = 20.0
# Seconds until the exit status of a child that hung up is known.
STATUS_TIMEOUT_S = 5.0
# Of our environment, what a Python needs to start. Passwords and keys are not among it.
_PASSED_ON = ("PATH", "LD_LIBRARY_PATH", "LANG", "LC_ALL", "TMPDIR")
_OUT_OF_TIME = {-signal.SIGALRM, -signal.SIGXCPU}
# A connection whose other end is gone.
_HUNG_UP = (EOFError, BrokenPipeError, ConnectionResetError)


class Job:
    """A child process: a channel to it, and a leash, which ends it when it is closed."""

    def __init__(self, channel: Connection[Any, Any], leash: Connection[Any, Any]) -> None:
        self._channel = channel
        self._leash = leash

    def order(self, module: str) -> None:
        """Say what the child will need."""
        self._leash.send_bytes(module.encode())

    def wait_for_start(self) -> None:
        """Return when the child was forked.

        Raises:
            EOFError, OSError: The process that forks is gone, or cannot.
            Unavailable: It does not answer.
        """
        if not self._leash.poll(START_TIMEOUT_S):
            raise Unavailable(f"No child process was started within {START_TIMEOUT_S:g} s.")
        self._leash.recv_bytes()

    def send(self, message: Any) -> None:
        """Send the child a message.

        Raises:
            SandboxError: The child has ended.
        """
        try:
            self._channel.send(message)
        except _HUNG_UP as error:
            raise self._end() from error

    def receive(self, timeout_s: float) -> Any:
        """Return the child's next message, None if none comes in time.

        Raises:
            SandboxError: The child has ended.
        """
        try:
            return self._channel.recv() if self._channel.poll(max(0.0, timeout_s)) else None
        except _HUNG_UP as error:
            raise self._end() from error

    def close(self) -> None:
        """End the child if it runs."""
        self._channel.close()
        self._leash.close()

    def _end(self) -> SandboxError:
        """Return why the child ended without a result."""
        try:
            if not self._leash.poll(STATUS_TIMEOUT_S):
                return Crashed("The child process hung up.")
            code = os.waitstatus_to_exitcode(int(self._leash.recv_bytes()))
        except _HUNG_UP:
            return Unavailable("The process that starts children was ended.")
        if code in _OUT_OF_TIME:
            return TimeLimit("It took more time than it may.")
        how = f"signal {signal.Signals(-code).name}" if code < 0 else f"exit code {code}"
        return Crashed(f"The child process ended by {how}.")


class Launcher:
    """Starts the process that forks with the first job, and again when it is gone."""

    def __init__(self) -> None:
        self._lock = threading.Lock()
        self._forker: _Forker | None = None

    @contextmanager
    def job(self, module: str) -> Iterator[Job]:
        """Fork a child that has imported `module`; it ends with the block.

        Raises:
            Unavailable: No child can be started.
        """
        forker = self._running()
        try:
            job = forker.fork(module)
        except (*_HUNG_UP, OSError):
            # It was killed: once more with a new one.
            try:
                job = self._running(instead_of=forker).fork(module)
            except (*_HUNG_UP, OSError) as error:
                raise Unavailable("No child process can be started.") from error
        try:
            yield job
        finally:
            job.close()

    def _running(self, *, instead_of: _Forker | None = None) -> _Forker:
        with self._lock:
            if self._forker is None or self._forker is instead_of or self._forker.has_ended():
                if self._forker is not None:
                    self._forker.close()
                self._forker = _Forker()
            return self._forker

    def close(self) -> None:
        """End the process that forks, and with it the children."""
        with self._lock:
            if self._forker is not None:
                self._forker.close()
                self._forker = None


class _Forker:
    """A process that runs `morpheus.sandbox.forkserver`."""

    def __init__(self) -> None:
        environment = {name: os.environ[name] for name in _PASSED_ON if name in os.environ}
        environment["PYTHONPATH"] = os.pathsep.join(map(os.path.abspath, sys.path))
        cores = ",".join(map(str, cores_of_helpers()))
        self._control, its = socket.socketpair()
        with its:
            self._process = subprocess.Popen(  # noqa: S603 - our own command line
                [sys.executable, "-P", "-m", "morpheus.sandbox.forkserver", cores],
                stdin=its.fileno(),
                stdout=subprocess.DEVNULL,
                env=environment,
                # Ctrl-C is for us; it ends when we do.
                start_new_session=True,
            )

    @property
    def pid(self) -> int:
        return self._process.pid

    def has_ended(self) -> bool:
        return self._process.poll() is not None

    def close(self) -> None:
        self._control.close()
        self._process.kill()
        self._process.wait()

    def fork(self, module: str) -> Job:
        """Return a child that runs.

        Raises:
            EOFError, OSError: The process has ended, or cannot fork.
        """
        channel, its_channel = socket.socketpair()
        leash, its_leash = socket.socketpair()
        job = Job(Connection(channel.detach()), Connection(leash.detach()))
        try:
            with its_channel, its_leash:
                job.order(module)
                descriptors = [its_channel.fileno(), its_leash.fileno()]
                socket.send_fds(self._control, [b"j"], descriptors)
            job.wait_for_start()
        except BaseException:
            job.close()
            raise
        return job


launcher = Launcher()
atexit.register(launcher.close)
