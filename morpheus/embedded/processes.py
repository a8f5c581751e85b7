"""Child processes that end with this one, and processes known only by their pid."""

from __future__ import annotations

import ctypes
import os
import signal
import subprocess
import sys
import time
from functools import partial
from pathlib import Path

PR_SET_PDEATHSIG = 1
# Loaded before any fork: loading takes locks.
LIBC = ctypes.CDLL(None)


def die_with_parent(parent: int | None = None, number: int = signal.SIGTERM) -> None:
    """Have the kernel send a signal to this process when its parent ends (Linux only).

    Args:
        parent: Pid of the process that forked this one, which may have ended already.
    """
    if sys.platform == "linux":
        LIBC.prctl(PR_SET_PDEATHSIG, number)
        if parent is not None and os.getppid() != parent:
            os._exit(1)


def run_command(command: list[str], *, cwd: str) -> int:
    """Run `command` on this process' terminal and return its exit code.

    An exception here, raised by a signal for example, kills the command. It has a session of its
    own, so that only this process handles Ctrl-C.
    """
    return subprocess.run(  # noqa: S603 - our own command line
        command,
        cwd=cwd,
        stdin=subprocess.DEVNULL,
        start_new_session=True,
        preexec_fn=partial(die_with_parent, os.getpid()),
        check=False,
    ).returncode


def read_command_line(pid: int) -> list[str]:
    """Return the command line of `pid`, empty if there is no such process.

    A pid in a file may belong to another process by now; only the command line tells.
    """
    try:
        raw = Path(f"/proc/{pid}/cmdline").read_bytes()
    except OSError:
        if Path("/proc/self/cmdline").exists():
            return []
        # No /proc (macOS). `ps` separates arguments by blanks.
        command = ["ps", "-ww", "-p", str(pid), "-o", "command="]
        result = subprocess.run(command, capture_output=True, text=True, check=False)  # noqa: S603
        return result.stdout.split()
    return [os.fsdecode(argument) for argument in raw.split(b"\0") if argument]


def is_running(pid: int, *needles: str) -> bool:
    """Tell whether process `pid` lives and its command line contains each needle."""
    line = " ".join(read_command_line(pid))
    return bool(line) and all(needle in line for needle in needles)


def stop_process(
    pid: int, *needles: str, signals: tuple[signal.Signals, ...], timeout_s: float
) -> None:
    """Send the signals one after the other, `timeout_s` apart, until the process has ended."""
    for number in signals:
        if not is_running(pid, *needles):
            return
        try:
            os.kill(pid, number)
        except ProcessLookupError:
            return
        deadline = time.monotonic() + timeout_s
        while time.monotonic() < deadline:
            if not is_running(pid, *needles):
                return
            time.sleep(0.02)
