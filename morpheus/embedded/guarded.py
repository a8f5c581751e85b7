"""Child processes that a guard looks after, so that none outlives its owner."""

from __future__ import annotations

import json
import os
import subprocess
import sys
import tempfile
from dataclasses import asdict
from pathlib import Path

from . import guard
from .stopping import STOP_TIMEOUT_S


class GuardedServices:
    """Services run by a guard of their own; they end when this process stops, exits or is killed.

    Attributes:
        log: Where the guard itself writes; None for our own output.
        lock: Locked descriptor that the guard holds as long as a service may live.
        detached: The services outlive us; only `stop` or a signal to the guard ends them.
    """

    def __init__(
        self,
        services: list[guard.Service],
        *,
        log: Path | None = None,
        record: Path | None = None,
        lock: int | None = None,
        detached: bool = False,
    ) -> None:
        held, self._leash = os.pipe()
        order = guard.Order(
            services=services,
            owner=os.getpid(),
            leash=None if detached else held,
            record=str(record) if record else None,
            lock=lock,
        )
        output = log.open("ab") if log else None
        # A file, not a pipe: whatever its size, writing it does not wait for the reader. The
        # second argument names the guard in the list of processes.
        with tempfile.TemporaryFile() as stdin:
            stdin.write(json.dumps(asdict(order)).encode())
            stdin.seek(0)
            self._process = subprocess.Popen(  # noqa: S603 - our own script
                [sys.executable, "-I", "-S", str(guard.__file__), str(record or "")],
                stdin=stdin,
                stdout=output,
                stderr=output,
                cwd="/",
                pass_fds=[
                    *(fd for fd in (held, lock) if fd is not None),
                    *(fd for service in services for fd in service.descriptors),
                ],
                start_new_session=True,
            )
        os.close(held)
        if output is not None:
            output.close()

    def have_ended(self) -> bool:
        """Tell whether the guard is gone, and with it all services."""
        return self._process.poll() is not None

    def stop(self) -> None:
        """Stop all services and return when they are gone."""
        self._process.terminate()
        self._process.wait(STOP_TIMEOUT_S)
        os.close(self._leash)

    def let_go(self) -> None:
        """Leave detached services to themselves."""
        os.close(self._leash)
        self._process.returncode = 0  # Outlives us on purpose: no ResourceWarning.
