"""Start, find and stop guards from other processes; needs the standard library only."""

from __future__ import annotations

import json
import os
import pickle
import signal
import subprocess
import sys
import tempfile
from pathlib import Path
from typing import Any

from .guard import Order, Service
from .processes import is_running, stop_process

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
        lock: Locked descriptor that the guard holds while a server may run.
        scratch: Folder that the guard removes when the servers have ended.
        detached: The servers outlive this process; only `stop` or a signal to the guard ends them.
    """

    def __init__(
        self,
        services: list[Service],
        *,
        log: Path | None = None,
        record: Path | None = None,
        lock: int | None = None,
        scratch: Path | None = None,
        detached: bool = False,
    ) -> None:
        inherited, self._owner_pipe = os.pipe()
        order = Order(
            services=services,
            owner_pipe=None if detached else inherited,
            record=record,
            lock=lock,
            scratch=scratch,
        )
        output = log.open("ab") if log else None
        # A file, not a pipe: writing it never waits for the reader, whatever its size.
        with tempfile.TemporaryFile() as stdin:
            pickle.dump(order, stdin)
            stdin.seek(0)
            self._process = subprocess.Popen(  # noqa: S603 - our own program
                [sys.executable, "-I", "-S", "-c", PROGRAM, str(ROOT), str(record or "")],
                stdin=stdin,
                stdout=output,
                stderr=output,
                cwd="/",
                pass_fds=[
                    *(fd for fd in (inherited, lock) if fd is not None),
                    *(fd for service in services for fd in service.descriptors),
                ],
                start_new_session=True,
            )
        os.close(inherited)
        if output is not None:
            output.close()

    def have_ended(self) -> bool:
        """Tell whether the guard has ended, and with it all servers."""
        return self._process.poll() is not None

    def stop(self) -> None:
        """Stop all servers and return when they have ended."""
        self._process.terminate()
        self._process.wait(STOP_TIMEOUT_S)
        os.close(self._owner_pipe)

    def let_go(self) -> None:
        """Leave detached servers alone."""
        os.close(self._owner_pipe)
        self._process.returncode = 0  # It outlives this process on purpose: no ResourceWarning.


def read_record(var: Path) -> dict[str, Any]:
    """Return the last record that the guard of `var` wrote, empty if there is none."""
    try:
        content: dict[str, Any] = json.loads((var / RECORD).read_text())
    except (OSError, ValueError):
        return {}
    return content


def stop_services(var: Path) -> bool:
    """Stop the services of `var`, whichever process owns them; tell whether there were any."""
    pid = read_record(var).get("guard")
    needle = str(var.resolve() / RECORD)
    if pid is None or not is_running(pid, needle):
        return False
    stop_process(pid, needle, signals=(signal.SIGTERM,), timeout_s=STOP_TIMEOUT_S)
    return True
