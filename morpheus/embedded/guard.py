"""The guard: a process that runs servers, replaces those that end or hang, and ends with its users.

It has a session of its own, so that Ctrl-C reaches neither it nor the servers, and imports the
standard library only, so that it starts at once. Standard input: the pickle of an `Order`.
"""

from __future__ import annotations

import fcntl
import json
import os
import pickle
import select
import shutil
import signal
import subprocess
import sys
import time
from contextlib import suppress
from dataclasses import dataclass
from functools import partial
from pathlib import Path

from .health import Health, HealthProbe
from .processes import die_with_parent

POLL_S = 0.2
# Pauses between starts of a failing server double up to this one.
LONGEST_PAUSE_S = 10.0
STEADY_AFTER_S = 60.0
LARGEST_LOG_BYTES = 10 * 1024 * 1024


@dataclass(frozen=True)
class Service:
    """One server: how the guard starts, checks and stops it.

    Attributes:
        signals: Sent one after the other to stop it, `patience_s` apart.
        log: File to append its output to; None means the guard's own output.
        environment: Its whole environment; None means the guard's own.
        descriptors: Open files that it inherits under the same numbers.
        health: How to notice that it hangs; None means no check.
        most_starts: After so many starts in a row without a passed health check, the guard stops
            everything. None means that it never gives up.
    """

    name: str
    command: list[str]
    signals: list[int]
    patience_s: float
    log: Path | None = None
    cwd: str = "/"
    uid: int | None = None
    gid: int | None = None
    environment: dict[str, str] | None = None
    descriptors: tuple[int, ...] = ()
    health: Health | None = None
    most_starts: int | None = None


@dataclass(frozen=True)
class Order:
    """What a guard runs, and for how long.

    Attributes:
        used_folder: Folder on which each process that uses the servers holds a shared lock; the
            guard ends when none does.
        is_temporary: Whether the guard removes that folder when the servers have ended.
        record: File that tells other processes what runs.
        lock: Descriptor of the locked file beside `record`, held while a server may run.
    """

    services: list[Service]
    used_folder: Path
    is_temporary: bool
    record: Path | None = None
    lock: int | None = None


class GuardedProcess:
    """A service and its current process."""

    def __init__(self, service: Service) -> None:
        self.service = service
        self.unhealthy_starts = 0
        self._pause_s = 0.5
        self._start()

    def _start(self) -> None:
        service = self.service
        output = _open_log(service.log) if service.log else None
        self.process = subprocess.Popen(  # noqa: S603 - our own command line
            service.command,
            stdin=subprocess.DEVNULL,
            stdout=output,
            stderr=output,
            cwd=service.cwd,
            env=service.environment,
            pass_fds=service.descriptors,
            user=service.uid,
            group=service.gid,
            extra_groups=None if service.uid is None else [],
            start_new_session=True,
            # Stops the server even if the guard is killed.
            preexec_fn=partial(die_with_parent, None, service.signals[0]),
        )
        if output is not None:
            os.close(output)
        self.started_at = time.monotonic()
        self.unhealthy_starts += 1
        self.probe = HealthProbe(service.health) if service.health else None

    def has_ended(self) -> bool:
        return self.process.poll() is not None

    @property
    def is_hopeless(self) -> bool:
        """Whether it has ended, and was started often enough without a passed health check."""
        most = self.service.most_starts
        return most is not None and self.has_ended() and self.unhealthy_starts >= most

    def check_health(self) -> None:
        """Kill the process if it hangs."""
        if self.probe is None or self.has_ended():
            return
        self.probe.step()
        if self.probe.was_healthy:
            self.unhealthy_starts = 0
        elif time.monotonic() - self.started_at < STEADY_AFTER_S:
            return  # It is still starting.
        if self.probe.failures >= self.probe.health.most_failures:
            _print(f"{self.service.name} does not respond; killing it.")
            self._kill_group()
            self.process.wait()

    def restart(self) -> bool:
        """Start an ended process again if its pause has passed; tell whether it was started."""
        age_s = time.monotonic() - self.started_at
        if age_s > STEADY_AFTER_S:
            self._pause_s = 0.5
        if age_s < self._pause_s:
            return False
        self._pause_s = min(self._pause_s * 2, LONGEST_PAUSE_S)
        _print(f"{self.service.name} ended ({self.process.returncode}); starting it again.")
        self._kill_group()
        if self.probe:
            self.probe.close()
        self._start()
        return True

    def stop(self) -> None:
        for number in self.service.signals:
            if self.has_ended():
                break
            self.process.send_signal(number)
            with suppress(subprocess.TimeoutExpired):
                self.process.wait(self.service.patience_s)
        self._kill_group()
        self.process.wait()

    def _kill_group(self) -> None:
        """Kill the process and its children, as far as they still run."""
        # PermissionError: macOS gives it for a group of zombies.
        with suppress(ProcessLookupError, PermissionError):
            os.killpg(self.process.pid, signal.SIGKILL)


def run_guard(order: Order) -> int:
    """Run the services until the last user ends, a signal comes or one of them fails for good."""
    wake = _open_signal_pipe()
    folder = os.open(order.used_folder, os.O_RDONLY)
    running: list[GuardedProcess] = []
    try:
        for service in order.services:
            running.append(GuardedProcess(service))  # noqa: PERF401 - `finally` stops these
        _write_record(order, "running", running)
        while not _wait_for_signal(wake) and _has_users(folder) and _holds_lock(order):
            for each in running:
                each.check_health()
                if each.is_hopeless:
                    _print(f"{each.service.name} ended ({each.process.returncode}).")
                    return 1
            ended = [each for each in running if each.has_ended()]
            if any([each.restart() for each in ended]):
                _write_record(order, "running", running)
    finally:
        _write_record(order, "stopping", running)
        # In reverse order: the later ones may use the earlier ones.
        for each in reversed(running):
            each.stop()
        if order.is_temporary:
            shutil.rmtree(order.used_folder, ignore_errors=True)
        if order.record and _holds_lock(order):
            order.record.unlink()
    return 0


def _open_signal_pipe() -> int:
    """Return a descriptor from which the numbers of received signals can be read."""
    wake_read, wake_write = os.pipe()
    os.set_blocking(wake_read, False)
    os.set_blocking(wake_write, False)
    signal.set_wakeup_fd(wake_write, warn_on_full_buffer=False)
    # SIGCHLD, too: an ended server is replaced at once.
    for number in (signal.SIGTERM, signal.SIGINT, signal.SIGHUP, signal.SIGCHLD):
        signal.signal(number, lambda *_: None)
    return wake_read


def _wait_for_signal(wake: int) -> bool:
    """Wait for the next event, at most `POLL_S`; tell whether the guard must end."""
    ready = select.select([wake], [], [], POLL_S)[0]
    return bool(ready) and bool(set(os.read(wake, 4096)) - {signal.SIGCHLD})


def _has_users(folder: int) -> bool:
    """Tell whether a process uses the servers; if none does, new ones wait for the guard's end."""
    try:
        fcntl.flock(folder, fcntl.LOCK_EX | fcntl.LOCK_NB)
    except BlockingIOError:
        return True
    return False


# On a full disk log and record are not written, and the servers go on.


def _print(message: str) -> None:
    with suppress(OSError):
        print(message, flush=True)


def _open_log(path: Path) -> int:
    try:
        if path.exists() and path.stat().st_size > LARGEST_LOG_BYTES:
            path.replace(f"{path}.1")
        return os.open(path, os.O_WRONLY | os.O_CREAT | os.O_APPEND, 0o640)
    except OSError:
        return os.open(os.devnull, os.O_WRONLY)


def _write_record(order: Order, state: str, running: list[GuardedProcess]) -> None:
    """Tell other processes what runs. The file is replaced, so it is never half written."""
    if order.record is None or not _holds_lock(order):
        return
    content = {
        "state": state,
        "guard": os.getpid(),
        "services": {each.service.name: each.process.pid for each in running},
    }
    draft = Path(f"{order.record}.draft")
    with suppress(OSError):
        draft.write_text(json.dumps(content))
        draft.replace(order.record)


def _holds_lock(order: Order) -> bool:
    """Tell whether the lock file is still the one that was locked: var may have been deleted."""
    if order.record is None or order.lock is None:
        return True
    try:
        current = order.record.with_suffix(".lock").stat()
    except FileNotFoundError:
        return False
    return os.path.samestat(os.fstat(order.lock), current)


def main() -> int:
    return run_guard(pickle.load(sys.stdin.buffer))  # noqa: S301 - of our own process
