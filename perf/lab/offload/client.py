"""One client: sends its requests one after the other and counts the outcomes."""

from __future__ import annotations

import time
from collections import Counter
from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass, field, replace
from urllib.parse import urlsplit

from perf.lab.example_requests import bearer
from perf.lab.harness.http_client import Connection, Response

from .requests import MixRequest

# A client remembers so many entity tags, then it begins anew.
_MOST_ETAGS = 2_000
_EXAMPLES = 5

WorkerStep = Callable[..., None]


@dataclass
class Outcome:
    """What became of the requests.

    Attributes:
        statuses, errors: Responses by status, failures by kind and status.
        retries: Requests that were sent again because the server refused them.
        ms: Milliseconds by kind.
        database_ms: How long the servers waited for the database, by kind.
        examples: The first failures, in words.
    """

    statuses: Counter[int] = field(default_factory=Counter)
    errors: Counter[str] = field(default_factory=Counter)
    retries: int = 0
    ms: dict[str, list[float]] = field(default_factory=dict)
    database_ms: dict[str, float] = field(default_factory=dict)
    examples: list[str] = field(default_factory=list)

    def add(self, other: Outcome) -> None:
        """Add the figures of another client."""
        self.statuses += other.statuses
        self.errors += other.errors
        self.retries += other.retries
        for name, values in other.ms.items():
            self.ms.setdefault(name, []).extend(values)
        for name, waited_ms in other.database_ms.items():
            self.add_database_ms(name, waited_ms)
        self.examples = (self.examples + other.examples)[:_EXAMPLES]

    def add_database_ms(self, name: str, ms: float) -> None:
        """Count the time that a server waited for the database."""
        self.database_ms[name] = self.database_ms.get(name, 0.0) + ms


class MixClient:
    """One kept connection, what the client remembers, and its outcome."""

    def __init__(self, port: int, tokens: Mapping[int, str], run_step: WorkerStep) -> None:
        self.outcome = Outcome()
        self._connection = Connection(port)
        self._tokens = tokens
        self._run_step = run_step
        self._ids: dict[str, str] = {}
        self._next_pages: dict[str, str] = {}
        self._etags: dict[tuple[str, int | None], str] = {}

    def run(self, requests: Iterable[MixRequest]) -> None:
        """Send the requests in their order; a failure is counted and the next one sent."""
        for request in requests:
            began = time.perf_counter()
            try:
                status, failure = self._perform(request)
            except Exception as error:  # A worker's step may raise anything; the run goes on.
                status, failure = 0, f"{type(error).__name__}: {error}"
            elapsed_ms = (time.perf_counter() - began) * 1000
            self.outcome.statuses[status] += 1
            self.outcome.ms.setdefault(request.name, []).append(elapsed_ms)
            if failure:
                self.outcome.errors[f"{request.name}: {status}"] += 1
                if len(self.outcome.examples) < _EXAMPLES:
                    what = f"{request.http.method} {request.http.path}".strip() or request.name
                    self.outcome.examples.append(f"{what}: {status} {failure}")
        self.outcome.retries = self._connection.retries
        self._connection.close()

    def _perform(self, request: MixRequest) -> tuple[int, str]:
        """Return the status and, unless it is a success, what the response says."""
        if request.worker_step:
            self._run_step(*map(self._fill, request.worker_step))
            return 200, ""
        path = self._fill(request.http.path)
        if request.is_next_page:
            path = self._next_pages.get(request.listing, path)
        key = (path, request.reader)
        headers = self._make_headers(request, key)
        response = self._connection.exchange_with_retries(
            replace(request.http, path=path, headers=headers)
        )
        self.outcome.add_database_ms(request.name, response.database_ms)
        if response.status not in (200, 201, 204, 304):
            return response.status, repr(response.body[:300])
        self._remember(request, key, response)
        return response.status, ""

    def _fill(self, text: str) -> str:
        for name, value in self._ids.items():
            text = text.replace(f"{{{name}}}", value)
        return text

    def _make_headers(self, request: MixRequest, key: tuple[str, int | None]) -> dict[str, str]:
        headers = {"Accept": "*/*", "Accept-Encoding": "gzip", **request.http.headers}
        if request.reader is not None:
            headers |= bearer(self._tokens[request.reader])
        if request.revalidates and key in self._etags:
            headers["If-None-Match"] = self._etags[key]
        return headers

    def _remember(
        self, request: MixRequest, key: tuple[str, int | None], response: Response
    ) -> None:
        if request.listing and response.status == 200:
            following = urlsplit(response.json["next"] or "")
            self._next_pages.pop(request.listing, None)
            if following.path:
                self._next_pages[request.listing] = f"{following.path}?{following.query}"
        if request.keeps_id:
            self._ids[request.keeps_id] = str(response.json["id"])
        if request.http.method == "GET" and (etag := response.etag):
            if len(self._etags) >= _MOST_ETAGS:
                self._etags.clear()
            self._etags[key] = etag
