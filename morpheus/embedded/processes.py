"""What can be asked of a process that is not our child: does it live, and is it what we think."""

from __future__ import annotations

import os
import signal
import subprocess
import time
from pathlib import Path


def command_of(pid: int) -> list[str]:
    """Return the command line of `pid`, empty when there is no such process.

    A pid read from a file may belong to a stranger by now; only its command tells.
    """
    try:
        raw = Path(f"/proc/{pid}/cmdline").read_bytes()
    except OSError:
        if Path("/proc/self/cmdline").exists():
            return []
        # No /proc (macOS). Arguments are split at blanks, so paths are compared by containment.
        command = ["ps", "-ww", "-p", str(pid), "-o", "command="]
        answer = subprocess.run(command, capture_output=True, text=True, check=False)  # noqa: S603
        return answer.stdout.split()
    return [os.fsdecode(argument) for argument in raw.split(b"\0") if argument]


def runs(pid: int, *needles: str) -> bool:
    """Tell whether process `pid` lives and each needle occurs in its command line."""
    line = " ".join(command_of(pid))
    return bool(line) and all(needle in line for needle in needles)


def stop(pid: int, *needles: str, signals: tuple[signal.Signals, ...], patience_s: float) -> None:
    """Send the signals one after the other, waiting `patience_s` after each, until it is gone."""
    for number in signals:
        if not runs(pid, *needles):
            return
        try:
            os.kill(pid, number)
        except ProcessLookupError:
            return
        deadline = time.monotonic() + patience_s
        while time.monotonic() < deadline:
            if not runs(pid, *needles):
                return
            time.sleep(0.02)
