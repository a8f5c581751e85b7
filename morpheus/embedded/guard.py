"""The process that runs servers, replaces those that die or hang, and ends with its owner.

Run as a script, in a session of its own, so that Ctrl-C reaches neither it nor the servers; with
the standard library only, so that it starts at once. Standard input: the JSON of an `Order`.
"""

from __future__ import annotations

import ctypes
import json
import os
import select
import signal
import socket
import subprocess
import sys
import time
from contextlib import suppress
from dataclasses import dataclass
from pathlib import Path
from typing import Any

PR_SET_PDEATHSIG = 1
LIBC = ctypes.CDLL(None)
POLL_S = 0.2
# A server that fails again and again is started again ever more rarely, at most this rarely.
LONGEST_PAUSE_S = 10.0
STEADY_AFTER_S = 60.0
LARGEST_LOG_BYTES = 10 * 1024 * 1024


@dataclass(frozen=True)
class Health:
    """An HTTP request (HEAD) that a healthy server answers with 200, at any load.

    Attributes:
        timeout_s: What one answer may take. Longer than a full queue of requests takes, because a
            busy server must not be killed.
        most_failures: So many failures in a row make a server a hung one, which is killed.
    """

    host: str
    port: int
    path: str = "/healthz"
    interval_s: float = 2.0
    timeout_s: float = 5.0
    most_failures: int = 3


@dataclass(frozen=True)
class Service:
    """One server: how it is started, stopped and looked after.

    Attributes:
        signals: Sent one after the other to stop it, each with `patience_s` to take effect.
        log: File that its output is appended to; None for the guard's own output.
        environment: All of its environment; None for the guard's own.
        descriptors: Open files that it inherits under the same numbers.
        health: How to find out whether it hangs; None trusts it as long as it lives.
        most_starts: After so many starts in a row without a healthy answer, everything ends. None
            starts it again for ever.
    """

    name: str
    command: list[str]
    signals: list[int]
    patience_s: float
    log: str | None = None
    cwd: str = "/"
    uid: int | None = None
    gid: int | None = None
    environment: dict[str, str] | None = None
    descriptors: tuple[int, ...] = ()
    health: Health | None = None
    most_starts: int | None = None


@dataclass(frozen=True)
class Order:
    """What a guard has to do.

    Attributes:
        leash: Pipe that the owner alone holds open; its end means that the owner is gone. Without
            one only a signal ends the guard.
        record: File that tells other processes who is in charge.
        lock: Descriptor of the locked file beside `record`, held as long as a server may live.
    """

    services: list[Service]
    owner: int
    leash: int | None = None
    record: str | None = None
    lock: int | None = None


class Probe:
    """Asks a server for its health, without ever waiting for the answer."""

    def __init__(self, health: Health) -> None:
        self.health = health
        self.was_healthy = False
        self.failures = 0
        self._connection: socket.socket | None = None
        self._due_at = time.monotonic() + health.interval_s

    def look(self) -> None:
        """Take the answer if there is one; ask again if it is time."""
        now = time.monotonic()
        if self._connection is not None:
            answer = self._received()
            if answer is None and now < self._due_at:
                return
            self._judge(answer)
        elif now >= self._due_at:
            self._ask()

    def close(self) -> None:
        if self._connection is not None:
            self._connection.close()
            self._connection = None

    def _ask(self) -> None:
        health = self.health
        self._due_at = time.monotonic() + health.timeout_s
        try:
            # The kernel accepts for a server that hangs: this is quick, or there is no server.
            self._connection = socket.create_connection((health.host, health.port), timeout=0.5)
            self._connection.setblocking(False)
            request = f"HEAD {health.path} HTTP/1.1\r\nHost: localhost\r\nConnection: close\r\n\r\n"
            self._connection.send(request.encode())
        except OSError:
            self._judge(b"")

    def _received(self) -> bytes | None:
        """Return the beginning of the answer, None while there is none."""
        try:
            return self._connection.recv(64) if self._connection else b""
        except BlockingIOError:
            return None
        except OSError:
            return b""

    def _judge(self, answer: bytes | None) -> None:
        self.close()
        if answer is not None and answer[:13].endswith(b" 200 "):
            self.was_healthy, self.failures = True, 0
        else:
            self.failures += 1
        self._due_at = time.monotonic() + self.health.interval_s


class Running:
    """A service and its process."""

    def __init__(self, service: Service) -> None:
        self.service = service
        self.pause_s = 0.5
        self.unhealthy_starts = 0
        self.probe: Probe | None = None
        self.start()

    def start(self) -> None:
        service = self.service
        user: dict[str, Any] = {}
        if service.uid is not None:
            user = {"user": service.uid, "group": service.gid, "extra_groups": []}
        output = _open_log(service.log) if service.log else None
        self.process = subprocess.Popen(  # noqa: S603 - our own command line
            service.command,
            stdin=subprocess.DEVNULL,
            stdout=output,
            stderr=output,
            cwd=service.cwd,
            env=service.environment,
            pass_fds=service.descriptors,
            start_new_session=True,
            preexec_fn=self._die_with_guard,
            **user,
        )
        if output is not None:
            os.close(output)
        self.started_at = time.monotonic()
        self.unhealthy_starts += 1
        self.probe = Probe(service.health) if service.health else None

    def look(self) -> None:
        """Ask a living server for its health; kill one that hangs."""
        if self.probe is None or self.has_ended():
            return
        self.probe.look()
        if self.probe.was_healthy:
            self.unhealthy_starts = 0
        elif time.monotonic() - self.started_at < STEADY_AFTER_S:
            return  # It is still starting.
        if self.probe.failures >= self.probe.health.most_failures:
            _say(f"{self.service.name} does not answer; killing it.")
            self._sweep()
            self.process.wait()

    @property
    def is_hopeless(self) -> bool:
        """Whether it has been started often enough without ever being healthy."""
        most = self.service.most_starts
        return most is not None and self.has_ended() and self.unhealthy_starts >= most

    def _die_with_guard(self) -> None:
        """Have the kernel stop the server even if the guard is killed (Linux only)."""
        if sys.platform == "linux":
            LIBC.prctl(PR_SET_PDEATHSIG, self.service.signals[0])

    def has_ended(self) -> bool:
        return self.process.poll() is not None

    def revive(self) -> bool:
        """Start a server that has ended again, once its pause is over; tell whether it was."""
        age_s = time.monotonic() - self.started_at
        if age_s > STEADY_AFTER_S:
            self.pause_s = 0.5
        if age_s < self.pause_s:
            return False
        self.pause_s = min(self.pause_s * 2, LONGEST_PAUSE_S)
        _say(f"{self.service.name} ended ({self.process.returncode}); starting it again.")
        self._sweep()
        if self.probe:
            self.probe.close()
        self.start()
        return True

    def stop(self) -> None:
        for number in self.service.signals:
            if self.has_ended():
                break
            self.process.send_signal(number)
            try:
                self.process.wait(self.service.patience_s)
            except subprocess.TimeoutExpired:
                continue
        self._sweep()
        self.process.wait()

    def _sweep(self) -> None:
        """Kill what is left of the server's process group, itself included."""
        try:
            os.killpg(self.process.pid, signal.SIGKILL)
        except (ProcessLookupError, PermissionError):
            pass  # Nothing is left; macOS answers "not permitted" for a group of zombies.


def main(order: Order) -> int:
    """Run the services until the owner is gone, a signal comes or one cannot be brought back."""
    wake = _wake_on_signals()
    watched = [wake] + ([order.leash] if order.leash is not None else [])
    running: list[Running] = []
    try:
        for service in order.services:
            running.append(Running(service))  # noqa: PERF401 - those started so far are stopped
        _record(order, "running", running)
        while not _is_told_to_end(order, watched) and _is_in_charge(order):
            for each in running:
                each.look()
                if each.is_hopeless:
                    _say(f"{each.service.name} ended ({each.process.returncode}).")
                    return 1
            ended = [each for each in running if each.has_ended()]
            if any([each.revive() for each in ended]):
                _record(order, "running", running)
    finally:
        _record(order, "stopping", running)
        # The last started goes first: it may use those before it.
        for each in reversed(running):
            each.stop()
        if order.record and _is_in_charge(order):
            os.unlink(order.record)
    return 0


def _wake_on_signals() -> int:
    """Return a descriptor that can be read when a signal has come; its bytes are the signals."""
    wake_read, wake_write = os.pipe()
    os.set_blocking(wake_read, False)
    os.set_blocking(wake_write, False)
    signal.set_wakeup_fd(wake_write, warn_on_full_buffer=False)
    # SIGCHLD, too: a server that has ended is replaced at once.
    for number in (signal.SIGTERM, signal.SIGINT, signal.SIGHUP, signal.SIGCHLD):
        signal.signal(number, lambda *_: None)
    return wake_read


def _is_told_to_end(order: Order, watched: list[int]) -> bool:
    """Wait for the next event, `POLL_S` at most; tell whether it ends the guard."""
    ready = select.select(watched, [], [], POLL_S)[0]
    if order.leash in ready:
        return True
    wake = watched[0]
    return wake in ready and bool(set(os.read(wake, 4096)) - {signal.SIGCHLD})


# On a full disk nothing is written, and the servers go on: neither log nor record is worth them.


def _say(message: str) -> None:
    with suppress(OSError):
        print(message, flush=True)


def _open_log(path: str) -> int:
    try:
        if os.path.exists(path) and os.path.getsize(path) > LARGEST_LOG_BYTES:
            os.replace(path, f"{path}.1")
        return os.open(path, os.O_WRONLY | os.O_CREAT | os.O_APPEND, 0o640)
    except OSError:
        return os.open(os.devnull, os.O_WRONLY)


def _record(order: Order, state: str, running: list[Running]) -> None:
    """Tell other processes who is in charge; replaced whole, so it is never read half."""
    if order.record is None or not _is_in_charge(order):
        return
    content = {
        "state": state,
        "guard": os.getpid(),
        "owner": order.owner,
        "services": {each.service.name: each.process.pid for each in running},
    }
    draft = Path(f"{order.record}.draft")
    with suppress(OSError):
        draft.write_text(json.dumps(content))
        draft.replace(order.record)


def _is_in_charge(order: Order) -> bool:
    """Tell whether the lock file is still the one we hold; a deleted var folder takes it along."""
    if order.record is None or order.lock is None:
        return True
    try:
        at_its_place = Path(order.record).with_suffix(".lock").stat()
    except FileNotFoundError:
        return False
    return os.path.samestat(os.fstat(order.lock), at_its_place)


if __name__ == "__main__":
    content = json.load(sys.stdin)
    entries = content.pop("services")
    for entry in entries:
        entry["health"] = entry["health"] and Health(**entry["health"])
    sys.exit(main(Order(services=[Service(**entry) for entry in entries], **content)))
