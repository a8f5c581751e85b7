"""Each kind of expensive request holds at most a part of a process' threads.

So reads always have threads, however many uploads, searches or pictures are under way.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable
from functools import partial
from http import HTTPStatus
from time import perf_counter
from typing import Any

import orjson
from prometheus_client import Counter

from morpheus.http.bulkhead import Bulkhead, Busy
from morpheus.http.client_addresses import get_client_address
from morpheus.http.errors import CONTENT_TYPE, build_problem
from morpheus.serving.transfers import IncomingBody, OutgoingBody
from morpheus.tracing.events import publish_finished_request
from morpheus.tracing.request_trace import FinishedRequest, trace_request
from morpheus.tracing.routes import (
    METHODS,
    normalize_request_id,
    parse_traceparent,
    read_traceparent,
)

Environ = dict[str, Any]
StartResponse = Callable[..., Any]
Handler = Callable[[], Iterable[bytes]]

# Share of the threads for each kind. Decoding of pictures has 5 of 16 (comics.images.sandboxed),
# and an eighth is left for reads alone.
SHARES = {"bodies": 4 / 16, "searches": 3 / 16, "streams": 2 / 16}

RETRY_AFTER_S = 1

_SEARCHES = "/api/v1/search"
# granian buffers four pieces of a stream without waiting for its client. So a response of up to
# 1 MB holds no thread, and 1,024 clients that do not read hold at most 1 GB.
PIECE_BYTES = 256 * 1024
_UNCOUNTED_BYTES = 4 * PIECE_BYTES

_refused = Counter(
    "morpheus_bulkhead_refused_total",
    "Requests refused with 503 because their kind held its share of the threads, by kind.",
    ["kind"],
)


class RequestBulkheads:
    """Admits requests to the threads of one process, each kind up to its share."""

    def __init__(self, threads: int) -> None:
        places = {kind: max(1, int(threads * share)) for kind, share in SHARES.items()}
        self._kinds = {kind: Bulkhead(number) for kind, number in places.items()}
        # One place is left, so that other clients can log in while one sends endless bodies.
        bodies = places["bodies"]
        self._kinds["bodies"] = Bulkhead(bodies, places_of_client=max(1, bodies - 1))

    def run(self, environ: Environ, start_response: StartResponse, handle: Handler) -> Any:
        """Return the response of `handle`, or 503 if there is no thread left for its kind.

        The thread counts until the response is built; with a long response, until it is sent.
        """
        kind = _kind(environ)
        if kind is None:
            response = handle()
        else:
            bulkhead, client = self._kinds[kind], get_client_address(environ)
            try:
                bulkhead.enter(client)
            except Busy:
                return _refuse(kind, environ, start_response)
            try:
                response = handle() if kind != "bodies" else _handle_body(environ, handle)
            finally:
                # Before the client has the response, because its next request may come at once.
                bulkhead.leave(client)
        if not getattr(response, "streaming", False):
            return response
        return self._stream(response, environ, start_response)

    def _stream(self, response: Any, environ: Environ, start_response: StartResponse) -> Any:
        peer = environ.get("REMOTE_ADDR", "")
        if not _is_long(response):
            return OutgoingBody(response, peer, PIECE_BYTES)
        bulkhead, client = self._kinds["streams"], get_client_address(environ)
        try:
            bulkhead.enter(client)
        except Busy:
            OutgoingBody(response, peer, PIECE_BYTES).close()
            return _refuse("streams", environ, start_response)
        return OutgoingBody(response, peer, PIECE_BYTES, partial(bulkhead.leave, client))


def _handle_body(environ: Environ, handle: Handler) -> Any:
    """Handle a request whose body must arrive whole and in time."""
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
    # A static file's 304 is a stream without a length, and without a body.
    if response.status_code == HTTPStatus.NOT_MODIFIED:
        return False
    length = response.headers.get("Content-Length", "")
    return not length.isdecimal() or int(length) > _UNCOUNTED_BYTES


def _refuse(kind: str, environ: Environ, start_response: StartResponse) -> list[bytes]:
    """Respond 503; this replaces a response that has begun already."""
    started = perf_counter()
    _refused.labels(kind).inc()
    detail = "Too many requests of this kind are under way; try again shortly."
    traceparent = read_traceparent(environ)
    request_id = normalize_request_id(environ.get("HTTP_X_REQUEST_ID", ""))
    with trace_request(parse_traceparent(traceparent)) as trace:
        body = orjson.dumps(build_problem("server_busy", detail, request_id=request_id))
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
    # The route was not resolved.
    route = f"{method if method in METHODS else '?'} refused"
    seconds = perf_counter() - started
    publish_finished_request(
        FinishedRequest(route, 503, seconds, request_id, trace=trace, traceparent=traceparent)
    )
    return [body]
