"""One-time commands before the servers start; none outlives us, even if we are killed."""

from __future__ import annotations

import os
import signal
import subprocess
import sys

from .guard import LIBC, PR_SET_PDEATHSIG

STOP_PATIENCE_S = 20.0


def run_step(command: list[str], *, cwd: str) -> int:
    """Run `command` with our own terminal and return its exit code.

    Whatever interrupts the waiting (an exception raised by a signal) ends the command as well. It
    has a session of its own, so that Ctrl-C is handled here, once.
    """
    process = subprocess.Popen(  # noqa: S603 - our own command line
        command,
        cwd=cwd,
        stdin=subprocess.DEVNULL,
        start_new_session=True,
        preexec_fn=die_with_parent,
    )
    try:
        return process.wait()
    except BaseException:
        process.terminate()
        try:
            process.wait(STOP_PATIENCE_S)
        except subprocess.TimeoutExpired:
            process.kill()
            process.wait()
        raise


def die_with_parent() -> None:
    """Have the kernel stop this process with its parent.

    Linux only; elsewhere a step ends when its database does.
    """
    if sys.platform == "linux":
        parent = os.getppid()
        LIBC.prctl(PR_SET_PDEATHSIG, signal.SIGTERM)
        if parent == 1:
            os._exit(1)
