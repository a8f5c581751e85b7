"""The fast lane: whole answers to anonymous GETs, kept as the bytes that the client gets."""

from __future__ import annotations

import io
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

RESPONSES = CachePolicy("answers", version=3, ttl_s=300, max_bytes=512 * 1024)

# Last of the headers of an answer that is kept compressed.
_COMPRESSED = ("Content-Encoding", "gzip")
# Each answer has its own.
_OF_ONE_ANSWER = frozenset({"x-request-id", "server-timing", "date", "content-length"})
# What Django's 304 has of the headers of its 200: those of RFC 9110, and those of its security.
_OF_NOT_MODIFIED = frozenset(
    {
        *("Cache-Control", "Content-Location", "ETag", "Expires", "Last-Modified", "Vary"),
        *("Cross-Origin-Opener-Policy", "Referrer-Policy", "Strict-Transport-Security"),
        *("X-Content-Type-Options", "Server-Timing", "X-Request-ID"),
    }
)
_TIMING = ("Server-Timing", 'db;desc="0 queries";dur=0, cache;desc="hit"')


class ResponseCache:
    """A WSGI application in front of another one: what is kept never reaches it.

    Kept is what the other one answers to a GET without credentials, if it says `public`, and is
    composed of cached values alone; under the tags and versions of those.

    Args:
        application: What answers everything else.
        admit: Runs a request that is not answered from the cache, or refuses it; None runs all.
    """

    def __init__(self, application: Application, admit: Admit | None = None) -> None:
        self.application = application
        self._admit = admit or _admit_all
        self._flights: SingleFlight[Iterable[bytes]] = SingleFlight()
        self._hosts = Hosts()

    def __call__(self, environ: Environ, start_response: StartResponse) -> Iterable[bytes]:
        started = perf_counter()
        key = response_key(RESPONSES, environ, self._hosts)
        miss = partial(self.application, environ, start_response)
        if key is not None and cache_store().is_readable():
            try:
                [kept] = cache_store().fetch([key])
            except RedisUnavailable:
                return self._admit(environ, start_response, miss)
            if kept is None:
                # A thread that waits for another's response is a thread, too.
                miss = partial(self._miss, key, environ, start_response, started)
            elif not _wants_picture(environ) or _is_picture(_head_of(kept[1])):
                metrics.requests(RESPONSES, "hit", 1)
                return self._replayed(key, kept[1], environ, start_response, started)
        return self._admit(environ, start_response, miss)

    def _miss(
        self, key: str, environ: Environ, start_response: StartResponse, started: float
    ) -> Iterable[bytes]:
        # Of those who miss the same at once, one at a time asks the database.
        work = partial(self._answer_and_keep, key, environ, start_response)
        answer, was_shared = self._flights.share(key, work, before_waiting=_nothing)
        if not was_shared:
            return answer
        # What another was answered may be older than a write that we know of: it is looked up as if
        # we came now, and asked for alone if it was not kept.
        try:
            [kept] = cache_store().fetch([key])
        except RedisUnavailable:
            kept = None
        if kept is None or (_wants_picture(environ) and not _is_picture(_head_of(kept[1]))):
            return work()
        metrics.requests(RESPONSES, "joined", 1)
        return self._replayed(key, kept[1], environ, start_response, started)

    def _replayed(
        self,
        key: str,
        payload: bytes,
        environ: Environ,
        start_response: StartResponse,
        started: float,
    ) -> Iterable[bytes]:
        sample(lambda: Hits(RESPONSES, {key: payload}, partial(self._again, key, dict(environ))))
        return _replay(payload, environ, start_response, started)

    def _answer_and_keep(
        self, key: str, environ: Environ, start_response: StartResponse
    ) -> Iterable[bytes]:
        metrics.requests(RESPONSES, "miss", 1)
        started: list[tuple[str, Headers]] = []

        def start(status: str, headers: Headers, *error: Any) -> Any:
            started.append((status, headers))
            return start_response(status, headers, *error)

        answer = self.application(environ, start)
        status, headers = started[-1]
        record: Dependencies | None = environ.get(DEPENDENCIES)
        is_accepted = not _wants_picture(environ) or _is_picture(headers)
        if record and is_accepted and _may_be_kept(status, headers, answer, record):
            payload = _payload(headers, answer, environ)
            if len(payload) <= RESPONSES.max_bytes:
                ttl_s = ABSENT_TTL_S if record.is_of_absence else RESPONSES.ttl_s
                cache_store().fill({key: (record.versions, payload)}, ttl_s)
                self._hosts.add(environ["HTTP_HOST"])
        return answer

    def _again(self, key: str, environ: Environ) -> dict[str, bytes]:
        """Return what the other application answers now to a request that was answered before."""
        started: list[Headers] = []
        # Without conditions, and without the client's connection, which is gone.
        environ.pop("HTTP_IF_NONE_MATCH", None)
        environ["wsgi.input"] = io.BytesIO()
        answer = self.application(environ, lambda status, headers, *_: started.append(headers))
        try:
            return {key: _payload(started[-1], answer, environ)}
        finally:
            if close := getattr(answer, "close", None):
                close()


def _admit_all(
    environ: Environ, start_response: StartResponse, handle: Callable[[], Iterable[bytes]]
) -> Iterable[bytes]:
    return handle()


def _nothing() -> None:
    """Before waiting: in front of Django, there is no connection to give back."""


def _payload(headers: Headers, answer: Iterable[bytes], environ: Environ) -> bytes:
    """Return route and lasting headers as JSON, a newline, and the body as it is sent."""
    lasting, body = _lasting(headers), b"".join(answer)
    if any(name == "Vary" and "Accept-Encoding" in value for name, value in lasting):
        smaller = compress(body)
        if smaller is not body:
            lasting, body = [*lasting, _COMPRESSED], smaller
    return orjson.dumps([environ.get(ROUTE), lasting]) + b"\n" + body


def _head_of(payload: bytes) -> list[list[str]]:
    """Return the lasting headers of a kept answer."""
    _, lasting = orjson.loads(payload.partition(b"\n")[0])
    return lasting  # type: ignore[no-any-return]


def _wants_picture(environ: Environ) -> bool:
    """Tell whether a request's `Accept` is that of an `<img>`, which the key does not say."""
    return environ.get("HTTP_ACCEPT", "").startswith(PICTURES)  # type: ignore[no-any-return]


def _is_picture(headers: Iterable[Sequence[str]]) -> bool:
    return any(name == "Content-Type" and value.startswith(PICTURES) for name, value in headers)


def _may_be_kept(status: str, headers: Headers, answer: Any, record: Dependencies) -> bool:
    named = {name.lower(): value for name, value in headers}
    return (
        status.startswith("200 ")
        and "public" in named.get("cache-control", "")
        and "set-cookie" not in named
        and not getattr(answer, "streaming", True)
        and record.is_complete
        and bool(record.versions)
    )


def _lasting(headers: Headers) -> Headers:
    return [(name, value) for name, value in headers if name.lower() not in _OF_ONE_ANSWER]


def _replay(
    payload: bytes, environ: Environ, start_response: StartResponse, started: float
) -> Iterable[bytes]:
    head, _, body = payload.partition(b"\n")
    route, lasting = orjson.loads(head)
    headers, body = _in_form(lasting, body, environ.get("HTTP_ACCEPT_ENCODING", ""))
    request_id = normalize_request_id(environ.get("HTTP_X_REQUEST_ID", ""))
    headers += [_TIMING, ("X-Request-ID", request_id)]
    given = environ.get("HTTP_IF_NONE_MATCH", "")
    is_known = bool(given) and _matches(given, headers)
    if is_known:
        body = b""
        headers = [each for each in headers if each[0] in _OF_NOT_MODIFIED]
        start_response("304 Not Modified", headers)
    else:
        headers.append(("Content-Length", str(len(body))))
        start_response("200 OK", headers)
    publish_finished_request(
        FinishedRequest(route, 304 if is_known else 200, perf_counter() - started, request_id)
    )
    return [body]


def _in_form(lasting: list[list[str]], body: bytes, given: str) -> tuple[Headers, bytes]:
    """Return headers and body in the form that an `Accept-Encoding` takes."""
    headers = [(name, value) for name, value in lasting]
    if headers[-1] != _COMPRESSED:
        return headers, body
    if _takes_gzip(given):
        return [(name, _weak(value) if name == "ETag" else value) for name, value in headers], body
    return headers[:-1], decompress(body)


def _takes_gzip(given: str) -> bool:
    """Tell whether an `Accept-Encoding` has it without a weight, as all browsers do.

    Who gives weights gets what everybody can read.
    """
    return "gzip" in [coding.strip() for coding in given.lower().split(",")]


def _weak(etag: str) -> str:
    """Return the tag of a form that is not byte for byte what the tag was made of."""
    return etag if etag.startswith("W/") else f"W/{etag}"


def _matches(given: str, headers: Headers) -> bool:
    etag = next((value for name, value in headers if name == "ETag"), None)
    tags = [tag.strip().removeprefix("W/") for tag in given.split(",")]
    return etag is not None and (given.strip() == "*" or etag.removeprefix("W/") in tags)
