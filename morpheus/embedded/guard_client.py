"""Start, find and stop guards from other processes; needs the standard library only."""

from __future__ import annotations

import fcntl
import json
import os
import pickle
import signal
import subprocess
import sys
import tempfile
from pathlib import Path
from typing import IO, Any, NoReturn

from .guard import Order, Service
from .processes import stop_process

RECORD = "services.json"
STOP_TIMEOUT_S = 180.0
ROOT = Path(__file__).resolve().parents[2]
# Run with -I and -S: the guard needs no packages and none of the caller's Python settings. The last
# argument names the guard in the list of processes.
PROGRAM = """\
import sys
sys.path.insert(0, sys.argv[1])
from morpheus.embedded.guard import main
sys.exit(main())
"""


class GuardedServices:
    """Servers under a guard; they end when this process stops, exits or is killed.

    Attributes:
        log: File for the guard's own output; None means the output of this process.
        shared_folder: Several processes use the servers by `use_folder`, for as long as any does.
        own_folder: Folder of these servers alone, which the guard removes after their end.
        record: File in which the guard says what runs.
        lock: Locked descriptor that the guard holds while a server may run.
        descriptors: Further files that the guard keeps open.
    """

    def __init__(
        self,
        services: list[Service],
        *,
        log: Path | None = None,
        shared_folder: Path | None = None,
        own_folder: Path | None = None,
        record: Path | None = None,
        lock: int | None = None,
        descriptors: tuple[int, ...] = (),
    ) -> None:
        folder = shared_folder or own_folder or Path(tempfile.mkdtemp(prefix="morpheus-guard-"))
        self._own_use = None if shared_folder else use_folder(folder)
        order = Order(services, folder, shared_folder is None, record, lock)
        output = log.open("ab") if log else None
        with _open_order(order) as stdin:
            self._process = subprocess.Popen(  # noqa: S603 - our own program
                _build_command(record),
                stdin=stdin,
                stdout=output,
                stderr=output,
                cwd="/",
                pass_fds=[
                    *([] if lock is None else [lock]),
                    *descriptors,
                    *(fd for service in services for fd in service.descriptors),
                ],
                start_new_session=True,
            )
        if output is not None:
            output.close()

    def have_ended(self) -> bool:
        """Tell whether the guard has ended, and with it all servers."""
        return self._process.poll() is not None

    def stop(self) -> None:
        """Stop all servers and return when they have ended."""
        self._process.terminate()
        self._process.wait(STOP_TIMEOUT_S)
        if self._own_use is not None:
            os.close(self._own_use)

    def let_go(self) -> None:
        """Leave the guard to the other users of its servers."""
        self._process.returncode = 0  # It outlives this process on purpose: no ResourceWarning.


def become_guard(services: list[Service], *, own_folder: Path) -> NoReturn:
    """Replace this process by a guard of `services`, which ends on a signal.

    Its pid stays, so a service manager stops the right process. `own_folder` is removed at the end.
    """
    inherited = [use_folder(own_folder), *(fd for each in services for fd in each.descriptors)]
    for descriptor in inherited:
        os.set_inheritable(descriptor, True)
    with _open_order(Order(services, own_folder, is_temporary=True)) as stdin:
        os.dup2(stdin.fileno(), sys.stdin.fileno())
        os.execv(sys.executable, _build_command(None))  # noqa: S606 - our own program


def _open_order(order: Order) -> IO[bytes]:
    """Return a file that holds the order; unlike a pipe it never waits for its reader."""
    stdin = tempfile.TemporaryFile()
    pickle.dump(order, stdin)
    stdin.seek(0)
    return stdin


def _build_command(record: Path | None) -> list[str]:
    return [sys.executable, "-I", "-S", "-c", PROGRAM, str(ROOT), str(record or "")]


def use_folder(folder: Path) -> int:
    """Lock `folder` for use, and return its descriptor; closing that, and any end, unlocks it.

    Waits while the guard of an earlier use stops its servers.
    """
    descriptor = os.open(folder, os.O_RDONLY)
    fcntl.flock(descriptor, fcntl.LOCK_SH)
    return descriptor


def read_record(var: Path) -> dict[str, Any]:
    """Return the last record that the guard of `var` wrote, empty if there is none."""
    try:
        content: dict[str, Any] = json.loads((var / RECORD).read_text())
    except (OSError, ValueError):
        return {}
    return content


def stop_services(var: Path) -> bool:
    """Stop the services of `var`, whichever processes use them; tell whether there were any."""
    pid = read_record(var).get("guard")
    needle = str(var.resolve() / RECORD)
    return pid is not None and stop_process(
        pid, needle, signals=(signal.SIGTERM,), timeout_s=STOP_TIMEOUT_S
    )
