"""A client's thread: makes its requests one after the other and notes what became of them."""

from __future__ import annotations

import json
import re
import subprocess
import threading
import time
from collections import Counter
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field

from .client import Answer, BadAnswer, Connection
from .visit import WORKER, Request

_NEXT = re.compile(rb'"next":"https?://[^/]+([^"]+)"')
# Answers that a browser keeps; then it begins anew.
KEPT_ANSWERS = 2_000
ERRORS_SHOWN = 5


@dataclass
class Outcome:
    """What became of the requests.

    Attributes:
        sent, statuses, errors: Requests by kind, answers by status, failures by kind and status.
        ms: Milliseconds by kind.
        database_ms: How long servers waited for the database, by kind.
        examples: The first failures, in words.
    """

    sent: Counter[str] = field(default_factory=Counter)
    statuses: Counter[int] = field(default_factory=Counter)
    errors: Counter[str] = field(default_factory=Counter)
    ms: dict[str, list[float]] = field(default_factory=dict)
    database_ms: dict[str, float] = field(default_factory=dict)
    examples: list[str] = field(default_factory=list)

    def add(self, other: Outcome) -> None:
        """Take another's figures into these."""
        self.sent += other.sent
        self.statuses += other.statuses
        self.errors += other.errors
        for name, values in other.ms.items():
            self.ms.setdefault(name, []).extend(values)
        for name, waited_ms in other.database_ms.items():
            self.waited(name, waited_ms)
        self.examples = (self.examples + other.examples)[:ERRORS_SHOWN]

    def waited(self, name: str, ms: float) -> None:
        """Count what a server waited for the database."""
        self.database_ms[name] = self.database_ms.get(name, 0.0) + ms


class WorkerProcess:
    """The process that writes what the worker writes; one order at a time."""

    def __init__(self, process: subprocess.Popen[str]) -> None:
        self._process = process
        self._turn = threading.Lock()

    def order(self, text: str) -> str:
        """Have something done and return `ok`, or what went wrong."""
        assert self._process.stdin and self._process.stdout  # noqa: S101 - both are pipes
        with self._turn:
            self._process.stdin.write(text + "\n")
            self._process.stdin.flush()
            return self._process.stdout.readline().strip() or "the worker's process ended"


class Visitor:
    """One kept connection, what it remembers, and its outcome."""

    def __init__(self, port: int, tokens: Mapping[int, str], worker: WorkerProcess) -> None:
        self.outcome = Outcome()
        self._connection = Connection(port)
        self._tokens = tokens
        self._worker = worker
        self._made: dict[str, int] = {}
        self._next: dict[str, str] = {}
        self._etags: dict[tuple[str, int | None], bytes] = {}

    def run(self, requests: Iterable[Request]) -> None:
        """Make the requests in their order; a failure is noted and the next one made."""
        for request in requests:
            began = time.perf_counter()
            try:
                status, failure = self._make(request)
            except (BadAnswer, OSError) as error:
                status, failure = 0, f"{type(error).__name__}: {error}"
            spent_ms = (time.perf_counter() - began) * 1000
            self.outcome.sent[request.name] += 1
            self.outcome.statuses[status] += 1
            self.outcome.ms.setdefault(request.name, []).append(spent_ms)
            if failure:
                self.outcome.errors[f"{request.name}: {status}"] += 1
                if len(self.outcome.examples) < ERRORS_SHOWN:
                    said = f"{request.method} {request.path}: {status} {failure}"
                    self.outcome.examples.append(said)
        self._connection.close()

    def _make(self, request: Request) -> tuple[int, str]:
        """Return the status and, unless it is a good one, what was said."""
        path = request.path
        for name, made in self._made.items():
            path = path.replace(f"{{{name}}}", str(made))
        if request.method == WORKER:
            said = self._worker.order(path)
            return (200, "") if said == "ok" else (500, said)
        if request.goes_on:
            path = self._next.get(request.listing, path)
        key = (path, request.reader)
        answer = self._connection.exchange(
            request.method, path, self._headers(request, key), request.body
        )
        self.outcome.waited(request.name, answer.database_ms)
        if answer.status not in (200, 201, 204, 304):
            return answer.status, repr(answer.body[:300])
        self._remember(request, key, answer)
        return answer.status, ""

    def _headers(self, request: Request, key: tuple[str, int | None]) -> dict[str, str]:
        headers = {"Accept": "*/*", "Accept-Encoding": "gzip"}
        if request.reader is not None:
            headers["Authorization"] = f"Bearer {self._tokens[request.reader]}"
        if request.content_type:
            headers["Content-Type"] = request.content_type
        if request.revalidates and key in self._etags:
            headers["If-None-Match"] = self._etags[key].decode()
        return headers

    def _remember(self, request: Request, key: tuple[str, int | None], answer: Answer) -> None:
        if request.listing and answer.status == 200:
            following = _NEXT.search(answer.content)
            if following:
                self._next[request.listing] = following[1].decode()
            else:
                self._next.pop(request.listing, None)
        if request.keeps:
            self._made[request.keeps] = json.loads(answer.body)["id"]
        if request.method == "GET" and (etag := answer.etag):
            if len(self._etags) >= KEPT_ANSWERS:
                self._etags.clear()
            self._etags[key] = etag
