"""Clients by wrk: servers respond faster than one Python thread can send."""

from __future__ import annotations

import math
import os
import re
import subprocess
import tempfile
from collections.abc import Sequence
from pathlib import Path
from typing import NamedTuple

from perf.lab.example_requests import HttpRequest
from perf.lab.harness.http_client import HOST, TIMEOUT_S, BadResponse
from perf.lab.harness.measurements import split_cores

SCRIPT = Path(__file__).with_name("walk.lua")
# The line that the script prints.
_RESULT = re.compile(
    r"^responses=(\d+) seconds=([\d.]+) p99_ms=([\d.]+) errors=(\d+)$", re.MULTILINE
)


class WrkResult(NamedTuple):
    """What the clients received."""

    per_second: float
    p99_ms: float
    responses: int


def drive(
    port: int, requests: Sequence[HttpRequest], *, connections: int, seconds: float
) -> WrkResult:
    """Send GET requests in turn on so many connections, from one thread beside the first core.

    Args:
        requests: All with the headers of the first.
        seconds: Rounded up, because wrk counts whole seconds; doubled until there is a response.

    Raises:
        BadResponse: wrk saw an error, or waited too long; it counts statuses from 400.
    """
    headers = [f"{name}: {value}" for name, value in requests[0].headers.items()]
    with tempfile.NamedTemporaryFile("w", suffix=".paths") as paths:
        paths.write("".join(f"{request.path}\n" for request in requests))
        paths.flush()
        output = subprocess.run(  # noqa: S603 - our own command line
            [
                *("wrk", "--threads", "1", "--connections", str(connections)),
                *("--duration", f"{math.ceil(seconds)}s", "--timeout", f"{TIMEOUT_S:.0f}s"),
                *("--script", str(SCRIPT), f"http://127.0.0.1:{port}", "--"),
                *(paths.name, f"Host: {HOST}", *headers),
            ],
            stdout=subprocess.PIPE,
            text=True,
            check=True,
            preexec_fn=lambda: os.sched_setaffinity(0, split_cores()[1]),
        ).stdout
    result = _RESULT.search(output)
    if result is None or int(result[4]):
        raise BadResponse(f"wrk saw errors: {output}")
    responses = int(result[1])
    if not responses:
        return drive(port, requests, connections=connections, seconds=2 * seconds)
    return WrkResult(responses / float(result[2]), float(result[3]), responses)
