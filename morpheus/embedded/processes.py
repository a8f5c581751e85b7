"""Child processes that end with this one, and processes known only by their pid."""

from __future__ import annotations

import ctypes
import os
import signal
import subprocess
import sys
import time
from contextlib import suppress
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


def run_command(command: list[str], *, cwd: str, env: dict[str, str] | None = None) -> int:
    """Run `command` on this process' terminal and return its exit code.

    An exception here, raised by a signal for example, kills the command. It has a session of its
    own, so that only this process handles Ctrl-C.
    """
    return subprocess.run(  # noqa: S603 - our own command line
        command,
        cwd=cwd,
        env=env,
        stdin=subprocess.DEVNULL,
        start_new_session=True,
        preexec_fn=partial(die_with_parent, os.getpid()),
        check=False,
    ).returncode


def stop_process(
    pid: int, needle: str, *, signals: tuple[signal.Signals, ...], timeout_s: float
) -> bool:
    """Send the signals one after the other, `timeout_s` apart, until the process has ended.

    Args:
        needle: Part of its command line: the pid may belong to another process by now.

    Returns:
        Whether it was running.
    """
    was_running = _is_running(pid, needle)
    for number in signals:
        if not _is_running(pid, needle):
            break
        with suppress(ProcessLookupError):
            os.kill(pid, number)
        deadline = time.monotonic() + timeout_s
        while time.monotonic() < deadline and _is_running(pid, needle):
            time.sleep(0.02)
    return was_running


def _is_running(pid: int, needle: str) -> bool:
    try:
        line = Path(f"/proc/{pid}/cmdline").read_bytes()
    except OSError:
        if Path("/proc/self/cmdline").exists():
            return False
        # No /proc (macOS).
        command = ["ps", "-ww", "-p", str(pid), "-o", "command="]
        line = subprocess.run(command, capture_output=True, check=False).stdout  # noqa: S603
    return os.fsencode(needle) in line
