"""The process that runs servers and takes them down when its owner is gone, however it went.

Run as a script, in a session of its own, so that Ctrl-C reaches neither it nor the servers; with
the standard library only, so that it starts at once. Standard input: the JSON of an `Order`.
"""

from __future__ import annotations

import ctypes
import json
import os
import select
import signal
import subprocess
import sys
import time
from dataclasses import dataclass
from pathlib import Path
from typing import Any

PR_SET_PDEATHSIG = 1
LIBC = ctypes.CDLL(None)
POLL_S = 0.5
# A server that fails again and again is started again ever more rarely, at most this rarely.
LONGEST_PAUSE_S = 10.0
STEADY_AFTER_S = 60.0
LARGEST_LOG_BYTES = 10 * 1024 * 1024


@dataclass(frozen=True)
class Service:
    """One server: how it is started, stopped and looked after.

    Attributes:
        signals: Sent one after the other to stop it, each with `patience_s` to take effect.
        log: File that its output is appended to; None for the guard's own output.
        environment: All of its environment; None for the guard's own.
        essential: When it ends, everything ends; any other is started again.
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
    essential: bool = False


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


class Running:
    """A service and its process."""

    def __init__(self, service: Service) -> None:
        self.service = service
        self.pause_s = 0.5
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
            start_new_session=True,
            preexec_fn=self._die_with_guard,
            **user,
        )
        if output is not None:
            os.close(output)
        self.started_at = time.monotonic()

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
        print(f"{self.service.name} ended ({self.process.returncode}); starting it again.")
        sys.stdout.flush()
        self._sweep()
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
    """Run the services until the owner is gone, a signal comes or an essential one ends."""
    wake_read, wake_write = os.pipe()
    os.set_blocking(wake_write, False)
    signal.set_wakeup_fd(wake_write, warn_on_full_buffer=False)
    for number in (signal.SIGTERM, signal.SIGINT, signal.SIGHUP):
        signal.signal(number, lambda *_: None)
    watched = [wake_read] + ([order.leash] if order.leash is not None else [])
    running: list[Running] = []
    try:
        for service in order.services:
            running.append(Running(service))  # noqa: PERF401 - those started so far are stopped
        _record(order, "running", running)
        while not select.select(watched, [], [], POLL_S)[0] and _is_in_charge(order):
            ended = [each for each in running if each.has_ended()]
            for each in ended:
                if each.service.essential:
                    print(f"{each.service.name} ended ({each.process.returncode}).")
                    return 1
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


def _open_log(path: str) -> int:
    if os.path.exists(path) and os.path.getsize(path) > LARGEST_LOG_BYTES:
        os.replace(path, f"{path}.1")
    return os.open(path, os.O_WRONLY | os.O_CREAT | os.O_APPEND, 0o640)


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
    entries = [Service(**entry) for entry in content.pop("services")]
    sys.exit(main(Order(services=entries, **content)))
