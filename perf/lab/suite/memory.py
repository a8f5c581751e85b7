"""The most memory that a server process takes during large operations."""

from __future__ import annotations

import json
from collections.abc import Callable, Iterator
from contextlib import closing
from dataclasses import dataclass
from pathlib import Path

from django.conf import settings

from novels.models import Chapter
from perf.lab.example_requests import HttpRequest, example
from perf.lab.harness.http_client import Connection, Response
from perf.lab.suite.asks import API
from perf.lab.suite.people import People
from perf.lab.suite.routes import AskFailed

PAGES = 40
# A little less than what is let in.
UPLOAD_SHARE = 0.9
_PROC = Path("/proc")


@dataclass(frozen=True)
class Peak:
    """What an operation took.

    Attributes:
        mb: The process' largest resident size during the operation.
        more_mb: Of it, what it had not had before.
    """

    operation: str
    mb: float
    more_mb: float


def peaks(port: int, people: People) -> list[Peak]:
    """Measure the server on this port; empty where the system does not tell (it is no Linux).

    Raises:
        AskFailed: An answer was an error.
    """
    processes = _processes(port)
    if not processes:
        return []
    with closing(Connection(port)) as connection:
        found = []
        for operation, work in _operations(connection, people):
            before = _reset(processes)
            work()
            peak = _peak_mb(processes)
            found.append(Peak(operation, round(peak, 1), round(peak - before, 1)))
        return found


def _operations(connection: Connection, people: People) -> Iterator[tuple[str, Callable[[], None]]]:
    longest = Chapter.objects.filter(is_public=True).order_by("-number").first()
    lists = f"{API}/novels/{longest.novel_id}/chapters/?page_size=100" if longest else ""

    def get(path: str, headers: dict[str, str], times: int) -> Callable[[], None]:
        def work() -> None:
            for _ in range(times):
                _good(connection.get(path, headers))

        return work

    yield "small reads", get(f"{API}/novels/?page_size=20", {}, PAGES)
    yield "long lists of chapters", get(lists, {}, PAGES)
    yield "long lists of novels", get(f"{API}/novels/?page_size=100", {}, PAGES)
    yield "admin, all novels of a page", get("/admin/novels/novel/", people.staff, PAGES)
    yield "upload of a big novel", lambda: _upload(connection, people)


def _upload(connection: Connection, people: People) -> None:
    size = int(settings.MORPHEUS_MAX_UPLOAD_BYTES * UPLOAD_SHARE)
    line = b"It was a dark and stormy night, and the whale was white.\n"
    text = b"Chapter 1\n\n" + line * (size // len(line))
    upload = example("POST /novels/").build(
        {}, body={"title": "Big"}, upload=text, headers=people.member
    )
    answer = _good(connection.exchange(upload))
    path = f"{API}/novels/{json.loads(answer.body)['id']}/"
    _good(connection.exchange(HttpRequest("DELETE", path, people.member)))


def _good(answer: Response) -> Response:
    if answer.status >= 400:
        raise AskFailed(f"{answer.status} {answer.body[:300]!r}")
    return answer


def _processes(port: int) -> list[Path]:
    """Return the server's processes: its own, and the worker that it started."""
    found = []
    for process in _PROC.glob("[0-9]*"):
        try:
            words = (process / "cmdline").read_bytes().split(b"\0")
        except OSError:
            continue
        if b"morpheus.serving" in words and str(port).encode() in words:
            found.append(process)
    children = [process for process in _PROC.glob("[0-9]*") if _parent(process) in found]
    return [*found, *(child for child in children if child not in found)]


def _parent(process: Path) -> Path | None:
    number = _status(process).get("PPid")
    return _PROC / number.split()[0] if number else None


def _status(process: Path) -> dict[str, str]:
    try:
        lines = (process / "status").read_text().splitlines()
    except OSError:
        return {}
    return dict(line.split(":", 1) for line in lines if ":" in line)


def _reset(processes: list[Path]) -> float:
    """Forget former peaks; return the size now."""
    for process in processes:
        (process / "clear_refs").write_text("5")
    return _megabytes(processes, "VmRSS")


def _peak_mb(processes: list[Path]) -> float:
    return _megabytes(processes, "VmHWM")


def _megabytes(processes: list[Path], name: str) -> float:
    sizes = [_status(process).get(name, "0 kB") for process in processes]
    return sum(int(size.split()[0]) for size in sizes) / 1024
