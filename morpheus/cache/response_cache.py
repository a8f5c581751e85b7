"""The response cache: whole responses to anonymous GETs, stored as the bytes that clients get."""

from __future__ import annotations

import io
from collections import Counter
from collections.abc import Callable, Iterable, Sequence
from functools import partial
from time import perf_counter
from typing import Any

import orjson

from morpheus.cache import metrics
from morpheus.cache.compression import compress, decompress
from morpheus.cache.dependencies import DEPENDENCIES, Dependencies
from morpheus.cache.policies import ABSENT_TTL_S, CachePolicy
from morpheus.cache.redis_client import RedisUnavailable
from morpheus.cache.response_keys import PICTURES, Environ, Hosts, response_key
from morpheus.cache.shadow_verification import Hits, sample
from morpheus.cache.single_flight import SingleFlight
from morpheus.cache.store import cache_store
from morpheus.tracing.events import publish_finished_request
from morpheus.tracing.request_trace import FinishedRequest
from morpheus.tracing.routes import ROUTE, normalize_request_id

Headers = list[tuple[str, str]]
StartResponse = Callable[..., Any]
Application = Callable[[Environ, StartResponse], Iterable[bytes]]
Admit = Callable[[Environ, StartResponse, Callable[[], Iterable[bytes]]], Iterable[bytes]]

RESPONSES = CachePolicy("responses", version=3, ttl_s=300, max_bytes=512 * 1024)

# The last header of a response that is stored compressed.
_COMPRESSED = ("Content-Encoding", "gzip")
# Headers that every response gets anew.
_NOT_STORED = frozenset({"x-request-id", "server-timing", "date", "content-length"})
# Headers of Django's 304: those of RFC 9110, and the security headers.
_OF_NOT_MODIFIED = frozenset(
    {
        *("Cache-Control", "Content-Location", "ETag", "Expires", "Last-Modified", "Vary"),
        *("Cross-Origin-Opener-Policy", "Referrer-Policy", "Strict-Transport-Security"),
        *("X-Content-Type-Options", "Server-Timing", "X-Request-ID"),
    }
)
_TIMING = ("Server-Timing", 'db;desc="0 queries";dur=0, cache;desc="hit"')


class ResponseCache:
    """A WSGI application in front of another one, which a cache hit never reaches.

    A response to a GET without credentials is cached if its `Cache-Control` says `public` and it
    depends on cached values alone. It is cached under their tags and versions.

    Args:
        application: Handles misses and all other requests.
        admit: Runs or refuses a request that is not a hit; None runs all.
    """

    def __init__(self, application: Application, admit: Admit | None = None) -> None:
        self.application = application
        self._admit: Admit = admit or (lambda environ, start_response, handle: handle())
        self._flights: SingleFlight[Iterable[bytes]] = SingleFlight()
        self._hosts = Hosts()

    def __call__(self, environ: Environ, start_response: StartResponse) -> Iterable[bytes]:
        started = perf_counter()
        key = response_key(RESPONSES, environ, self._hosts)
        handle = partial(self.application, environ, start_response)
        if key is not None and cache_store().is_readable():
            try:
                [stored] = cache_store().fetch([key])
            except RedisUnavailable:
                return self._admit(environ, start_response, handle)
            if stored is None:
                # Also a thread that waits for another one's response needs admission.
                handle = partial(self._miss, key, environ, start_response, started)
            elif _accepts_type_of(environ, stored[1]):
                return self._send(key, stored[1], environ, start_response, started, "hit")
        return self._admit(environ, start_response, handle)

    def _miss(
        self, key: str, environ: Environ, start_response: StartResponse, started: float
    ) -> Iterable[bytes]:
        # Single-flight: of simultaneous misses of a key, one reaches the application at a time.
        work = partial(self._handle_and_fill, key, environ, start_response)
        response, was_shared = self._flights.run(key, work)
        if not was_shared:
            return response
        # The other response may be from before a write that this client knows of. Fetch it as if
        # the request came now; if it was not cached, handle the request.
        try:
            [stored] = cache_store().fetch([key])
        except RedisUnavailable:
            stored = None
        if stored is None or not _accepts_type_of(environ, stored[1]):
            return work()
        return self._send(key, stored[1], environ, start_response, started, "joined")

    def _send(
        self,
        key: str,
        payload: bytes,
        environ: Environ,
        start_response: StartResponse,
        started: float,
        lookup: str,
    ) -> Iterable[bytes]:
        sample(lambda: Hits(RESPONSES, {key: payload}, partial(self._compute, key, dict(environ))))
        return _send_stored(payload, environ, start_response, started, lookup)

    def _handle_and_fill(
        self, key: str, environ: Environ, start_response: StartResponse
    ) -> Iterable[bytes]:
        metrics.count_lookups(RESPONSES, "miss", 1)
        started: list[tuple[str, Headers]] = []

        def start(status: str, headers: Headers, *error: Any) -> Any:
            started.append((status, headers))
            return start_response(status, headers, *error)

        response = self.application(environ, start)
        status, headers = started[-1]
        dependencies: Dependencies | None = environ.get(DEPENDENCIES)
        is_accepted = not _wants_picture(environ) or _is_picture(headers)
        if dependencies and is_accepted and _is_cacheable(status, headers, response, dependencies):
            payload = _payload(headers, response, environ)
            if len(payload) <= RESPONSES.max_bytes:
                ttl_s = ABSENT_TTL_S if dependencies.includes_absence else RESPONSES.ttl_s
                cache_store().fill({key: (dependencies.versions, payload)}, ttl_s)
                self._hosts.add(environ["HTTP_HOST"])
        return response

    def _compute(self, key: str, environ: Environ) -> dict[str, bytes]:
        """Return the payload that the application gives now, for shadow verification."""
        started: list[Headers] = []
        # Without conditions and without the client's connection, which is closed.
        environ.pop("HTTP_IF_NONE_MATCH", None)
        environ["wsgi.input"] = io.BytesIO()
        response = self.application(environ, lambda status, headers, *_: started.append(headers))
        try:
            return {key: _payload(started[-1], response, environ)}
        finally:
            if close := getattr(response, "close", None):
                close()


def count_hits(requests: Sequence[FinishedRequest]) -> None:
    """Count finished requests that were hits: a subscriber, so that a hit waits for no metric."""
    outcomes = Counter(request.lookup for request in requests if request.trace is None)
    for outcome, count in outcomes.items():
        metrics.count_lookups(RESPONSES, outcome, count)


def _payload(headers: Headers, response: Iterable[bytes], environ: Environ) -> bytes:
    """Return route and stored headers as JSON, a newline, and the body as it is sent."""
    stored = [(name, value) for name, value in headers if name.lower() not in _NOT_STORED]
    body = b"".join(response)
    if any(name == "Vary" and "Accept-Encoding" in value for name, value in stored):
        compressed = compress(body)
        if compressed is not body:
            stored, body = [*stored, _COMPRESSED], compressed
    return orjson.dumps([environ.get(ROUTE), stored]) + b"\n" + body


def _accepts_type_of(environ: Environ, payload: bytes) -> bool:
    """Return whether a request accepts a stored response; its key does not contain `Accept`."""
    if not _wants_picture(environ):
        return True
    _, headers = orjson.loads(payload.partition(b"\n")[0])
    return _is_picture(headers)


def _wants_picture(environ: Environ) -> bool:
    """Return whether a request's `Accept` is that of an `<img>`."""
    return environ.get("HTTP_ACCEPT", "").startswith(PICTURES)  # type: ignore[no-any-return]


def _is_picture(headers: Iterable[Sequence[str]]) -> bool:
    return any(name == "Content-Type" and value.startswith(PICTURES) for name, value in headers)


def _is_cacheable(status: str, headers: Headers, response: Any, dependencies: Dependencies) -> bool:
    named = {name.lower(): value for name, value in headers}
    return (
        status.startswith("200 ")
        and "public" in named.get("cache-control", "")
        and "set-cookie" not in named
        and not getattr(response, "streaming", True)
        and dependencies.is_complete
        and bool(dependencies.versions)
    )


def _send_stored(
    payload: bytes, environ: Environ, start_response: StartResponse, started: float, lookup: str
) -> Iterable[bytes]:
    head, _, body = payload.partition(b"\n")
    route, stored = orjson.loads(head)
    headers, body = _encode(stored, body, environ.get("HTTP_ACCEPT_ENCODING", ""))
    request_id = normalize_request_id(environ.get("HTTP_X_REQUEST_ID", ""))
    headers += [_TIMING, ("X-Request-ID", request_id)]
    condition = environ.get("HTTP_IF_NONE_MATCH", "")
    is_not_modified = bool(condition) and _matches(condition, headers)
    if is_not_modified:
        body = b""
        headers = [each for each in headers if each[0] in _OF_NOT_MODIFIED]
        start_response("304 Not Modified", headers)
    else:
        headers.append(("Content-Length", str(len(body))))
        start_response("200 OK", headers)
    status = 304 if is_not_modified else 200
    seconds = perf_counter() - started
    publish_finished_request(FinishedRequest(route, status, seconds, request_id, lookup=lookup))
    return [body]


def _encode(stored: list[list[str]], body: bytes, accepted: str) -> tuple[Headers, bytes]:
    """Return headers and body in an encoding that an `Accept-Encoding` accepts."""
    headers = [(name, value) for name, value in stored]
    if headers[-1] != _COMPRESSED:
        return headers, body
    # All browsers send gzip without a weight. A client that sends weights gets no encoding.
    if "gzip" in [coding.strip() for coding in accepted.lower().split(",")]:
        # A strong ETag would promise the bytes of the uncompressed body.
        return [
            (name, _weaken(value) if name == "ETag" else value) for name, value in headers
        ], body
    return headers[:-1], decompress(body)


def _weaken(etag: str) -> str:
    return etag if etag.startswith("W/") else f"W/{etag}"


def _matches(condition: str, headers: Headers) -> bool:
    etag = next((value for name, value in headers if name == "ETag"), None)
    etags = [each.strip().removeprefix("W/") for each in condition.split(",")]
    return etag is not None and (condition.strip() == "*" or etag.removeprefix("W/") in etags)
