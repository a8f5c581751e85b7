"""Stop the services of a var folder whoever started them; the standard library is enough."""

from __future__ import annotations

import json
import signal
from pathlib import Path
from typing import Any

from . import processes

RECORD = "services.json"
STOP_TIMEOUT_S = 180.0


def read_record(var: Path) -> dict[str, Any]:
    """Return what the guard of `var` last wrote about itself, empty when there is none."""
    try:
        content: dict[str, Any] = json.loads((var / RECORD).read_text())
    except (OSError, ValueError):
        return {}
    return content


def stop_services(var: Path) -> bool:
    """Return when the services of `var` are gone; tell whether there were any."""
    pid = read_record(var).get("guard")
    needle = str(var.resolve() / RECORD)
    if pid is None or not processes.runs(pid, needle):
        return False
    processes.stop(pid, needle, signals=(signal.SIGTERM,), patience_s=STOP_TIMEOUT_S)
    return True
