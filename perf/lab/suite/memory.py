"""The peak memory of a server during large operations."""

from __future__ import annotations

import json
from collections.abc import Callable, Iterator
from contextlib import closing
from dataclasses import dataclass
from functools import partial
from pathlib import Path

from django.conf import settings

from novels.models import Chapter
from perf.lab.example_requests import HttpRequest, example
from perf.lab.harness.http_client import Connection, Response
from perf.lab.harness.measurements import process_tree
from perf.lab.plans.capture import RequestFailed
from perf.lab.suite.callers import SuiteCallers

# Requests of each kind.
PAGES = 40
# A little less than the largest upload that is accepted.
UPLOAD_SHARE = 0.9
_PROC = Path("/proc")
_LINE = b"It was a dark and stormy night, and the whale was white.\n"


@dataclass(frozen=True)
class Peak:
    """The largest resident size of all processes during an operation, and its growth by then."""

    operation: str
    mb: float
    more_mb: float


def measure_peaks(pid: int, port: int, callers: SuiteCallers) -> list[Peak]:
    """Measure the server with this parent process; nothing without Linux's /proc.

    Raises:
        RequestFailed: A response is an error.
    """
    processes = [_PROC / str(process.pid) for process in process_tree(pid)]
    if not (_PROC / str(pid) / "clear_refs").exists():
        return []
    peaks = []
    with closing(Connection(port)) as connection:
        for operation, run in _operations(connection, callers):
            for process in processes:
                (process / "clear_refs").write_text("5")  # Resets the peak.
            before = _megabytes(processes, "VmRSS")
            run()
            peak = _megabytes(processes, "VmHWM")
            peaks.append(Peak(operation, round(peak, 1), round(peak - before, 1)))
    return peaks


def _operations(
    connection: Connection, callers: SuiteCallers
) -> Iterator[tuple[str, Callable[[], None]]]:
    def repeat(request: HttpRequest) -> Callable[[], None]:
        def run() -> None:
            for _ in range(PAGES):
                _exchange(connection, request)

        return run

    novels = example("GET /novels/")
    longest = Chapter.objects.filter(is_public=True).order_by("-number").first()
    yield "small reads", repeat(novels.build({}, query={"page_size": 20}))
    if longest is not None:
        chapters = example("GET /novels/{novel_id}/chapters/")
        values = {"novel_id": longest.novel_id}
        yield "long lists of chapters", repeat(chapters.build(values, query={"page_size": 100}))
    yield "long lists of novels", repeat(novels.build({}, query={"page_size": 100}))
    admin = HttpRequest("GET", "/admin/novels/novel/", callers.reads.headers["staff"])
    yield "admin, all novels of a page", repeat(admin)
    yield "upload of a big novel", partial(_upload, connection, callers.member)


def _upload(connection: Connection, headers: dict[str, str]) -> None:
    size = int(settings.MORPHEUS_MAX_UPLOAD_BYTES * UPLOAD_SHARE)
    text = b"Chapter 1\n\n" + _LINE * (size // len(_LINE))
    upload = example("POST /novels/").build({}, upload=text, headers=headers)
    values = {"novel_id": json.loads(_exchange(connection, upload).body)["id"]}
    _exchange(connection, example("DELETE /novels/{novel_id}/").build(values, headers=headers))


def _exchange(connection: Connection, request: HttpRequest) -> Response:
    response = connection.exchange(request)
    if response.status >= 400:
        raise RequestFailed(f"{request.path}: {response.status} {response.body[:300]!r}")
    return response


def _megabytes(processes: list[Path], name: str) -> float:
    """Return the sum of a field of /proc/PID/status, which counts in kB."""
    total = 0
    for process in processes:
        for line in (process / "status").read_text().splitlines():
            if line.startswith(f"{name}:"):
                total += int(line.split()[1])
    return total / 1024
