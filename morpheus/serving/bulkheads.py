"""Bulkheads: each kind of dear request holds at most a part of a process' threads.

So reads always have threads, however many uploads, searches or pictures are under way.
"""

from __future__ import annotations

import threading
from collections import Counter as Tally
from collections.abc import Callable, Iterable, Iterator
from functools import partial
from time import perf_counter
from typing import Any

import orjson
from prometheus_client import Counter

from morpheus.http.client_addresses import read_client_address
from morpheus.http.errors import CONTENT_TYPE, build_problem
from morpheus.serving.transfers import IncomingBody, OutgoingBody
from morpheus.tracing.events import publish_finished_request
from morpheus.tracing.request_trace import FinishedRequest, RequestTrace
from morpheus.tracing.routes import METHODS, normalize_request_id

Environ = dict[str, Any]
StartResponse = Callable[..., Any]
Handler = Callable[[], Iterable[bytes]]

# Share of the threads for each kind. Decoding pictures has 5 of 16 (comics.images.bounded), and an
# eighth is left for reads alone.
SHARES = {"bodies": 4 / 16, "searches": 3 / 16, "streams": 2 / 16}

RETRY_AFTER_S = 1

_SEARCHES = "/api/v1/search"
# granian takes four pieces of a stream without waiting for its client. So a response of up to 1 MB
# holds no thread, and 1,024 clients that do not read hold 1 GB at most.
PIECE_BYTES = 256 * 1024
_UNCOUNTED_BYTES = 4 * PIECE_BYTES

_refused = Counter(
    "morpheus_bulkhead_refused_total",
    "Requests answered 503 because their kind held its share of the threads, by kind.",
    ["kind"],
)


class Bulkhead:
    """Counts the threads that one kind of request holds.

    Attributes:
        most: Threads of all clients together.
        most_of_client: Threads of one client.
    """

    def __init__(self, most: int, most_of_client: int) -> None:
        self.most = most
        self.most_of_client = most_of_client
        self._lock = threading.Lock()
        self._held: Tally[str] = Tally()

    def enter(self, client: str) -> bool:
        """Take a thread; tell whether there was one left for this client."""
        with self._lock:
            if self._held.total() >= self.most or self._held[client] >= self.most_of_client:
                return False
            self._held[client] += 1
            return True

    def leave(self, client: str) -> None:
        """Give a thread back."""
        with self._lock:
            self._held[client] -= 1
            self._held += Tally()  # Drops clients that hold nothing.


class Bulkheads:
    """Admits requests to the threads of one process, each kind up to its share."""

    def __init__(self, threads: int) -> None:
        most = {kind: max(1, int(threads * share)) for kind, share in SHARES.items()}
        self._kinds = {kind: Bulkhead(number, number) for kind, number in most.items()}
        # One is left for others: they still log in while one client sends bodies that never end.
        self._kinds["bodies"].most_of_client = max(1, most["bodies"] - 1)

    def run(self, environ: Environ, start_response: StartResponse, handle: Handler) -> Any:
        """Return what `handle` answers, or 503 if there is no thread left for its kind.

        The thread counts until the response is made, a long one until it is sent.
        """
        kind = _kind(environ)
        if kind is None:
            response = handle()
        else:
            bulkhead, client = self._kinds[kind], read_client_address(environ)
            if not bulkhead.enter(client):
                return _refuse(kind, environ, start_response)
            try:
                response = handle() if kind != "bodies" else _handle_body(environ, handle)
            finally:
                # Before the client has the response: its next request may come at once.
                bulkhead.leave(client)
        if not getattr(response, "streaming", False):
            return response
        return self._stream(response, environ, start_response)

    def _stream(self, response: Any, environ: Environ, start_response: StartResponse) -> Any:
        body = OutgoingBody(response, environ.get("REMOTE_ADDR", ""), PIECE_BYTES)
        if not _is_long(response):
            return body
        bulkhead, client = self._kinds["streams"], read_client_address(environ)
        if not bulkhead.enter(client):
            body.close()
            return _refuse("streams", environ, start_response)
        return _LongResponse(body, partial(bulkhead.leave, client))


class _LongResponse:
    """A streamed response whose thread is given back when it is closed."""

    def __init__(self, body: OutgoingBody, leave: Callable[[], None]) -> None:
        self._body = body
        self._leave: Callable[[], None] | None = leave

    def __iter__(self) -> Iterator[bytes]:
        return iter(self._body)

    def close(self) -> None:
        leave, self._leave = self._leave, None
        try:
            self._body.close()
        finally:
            if leave is not None:
                leave()


def _handle_body(environ: Environ, handle: Handler) -> Any:
    """Have a request handled whose body must arrive whole and in time."""
    length = environ.get("CONTENT_LENGTH", "")
    if not (length.isascii() and length.isdecimal()):
        return handle()
    peer = environ.get("REMOTE_ADDR", "")
    body = environ["wsgi.input"] = IncomingBody(environ["wsgi.input"], int(length), peer)
    try:
        return handle()
    finally:
        body.close()


def _kind(environ: Environ) -> str | None:
    if environ.get("CONTENT_LENGTH", "") not in ("", "0") or "HTTP_TRANSFER_ENCODING" in environ:
        return "bodies"
    return "searches" if environ.get("PATH_INFO", "").startswith(_SEARCHES) else None


def _is_long(response: Any) -> bool:
    length = response.headers.get("Content-Length", "")
    return not length.isdecimal() or int(length) > _UNCOUNTED_BYTES


def _refuse(kind: str, environ: Environ, start_response: StartResponse) -> list[bytes]:
    """Answer 503; where a response has begun already, this one takes its place."""
    started = perf_counter()
    _refused.labels(kind).inc()
    detail = "Too many requests of this kind are under way; try again shortly."
    body = orjson.dumps(build_problem(503, detail))
    request_id = normalize_request_id(environ.get("HTTP_X_REQUEST_ID", ""))
    start_response(
        "503 Service Unavailable",
        [
            ("Content-Type", CONTENT_TYPE),
            ("Content-Length", str(len(body))),
            ("Retry-After", str(RETRY_AFTER_S)),
            ("Cache-Control", "no-store"),
            ("Server-Timing", 'db;desc="0 queries";dur=0, cache;desc="miss"'),
            ("X-Request-ID", request_id),
        ],
    )
    method = environ["REQUEST_METHOD"]
    # Which route it would have been was not looked up.
    route = f"{method if method in METHODS else '?'} refused"
    publish_finished_request(
        FinishedRequest(route, 503, perf_counter() - started, request_id, RequestTrace())
    )
    return [body]
