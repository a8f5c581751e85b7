"""The response cache: whole responses to GETs, stored as the bytes that clients get."""

from __future__ import annotations

import io
import time
from collections import Counter
from collections.abc import Callable, Iterable, Sequence
from functools import partial
from typing import Any, NamedTuple

import orjson

from morpheus.cache import metrics
from morpheus.cache.dependencies import CREDENTIAL, DEPENDENCIES, Credential, Dependencies
from morpheus.cache.policies import ABSENT_TTL_S
from morpheus.cache.redis_client import RedisUnavailable
from morpheus.cache.response_keys import (
    PICTURES,
    RESPONSES,
    Environ,
    Hosts,
    ResponseKeys,
    response_keys,
)
from morpheus.cache.shadow_verification import Hits, sample
from morpheus.cache.single_flight import SingleFlight
from morpheus.cache.store import cache_store
from morpheus.cache.stored_responses import (
    Headers,
    LocalCopies,
    StartResponse,
    StoredResponse,
    accepts_gzip,
    are_current,
    compress_response,
    encode_response,
    is_picture,
)
from morpheus.tracing.events import publish_finished_request
from morpheus.tracing.request_trace import FinishedRequest
from morpheus.tracing.routes import ROUTE, normalize_request_id, read_traceparent

Application = Callable[[Environ, StartResponse], Iterable[bytes]]
Admit = Callable[[Environ, StartResponse, Callable[[], Iterable[bytes]]], Iterable[bytes]]


class _Hit(NamedTuple):
    """A response for a caller, its key, and the ids of the caller and the token."""

    response: StoredResponse
    key: str
    is_public: bool
    user_id: int | None = None
    token_id: int | None = None


class _Record(NamedTuple):
    """The stored record of a token or session; it expires in seconds since the epoch."""

    user_id: int | None
    expires_at: float
    token_id: int | None


_ANONYMOUS = _Record(None, 0.0, None)


class ResponseCache:
    """A WSGI application in front of another one, which a cache hit never reaches.

    A response to a GET is cached if it depends on cached values alone, under their tags and
    versions. A public response is sent to every caller. A private one is sent only with the token
    or session that it was made for, and so is a public one that includes an absent value: for the
    owner it may not be absent.

    A token or session has a record, under the tags of its authentication. Without a current record,
    the application handles the request.

    Args:
        application: Handles misses and all other requests.
        admit: Runs or refuses a request that is not a hit; None runs all.
    """

    def __init__(self, application: Application, admit: Admit | None = None) -> None:
        self.application = application
        self._admit: Admit = admit or (lambda environ, start_response, handle: handle())
        self._flights: SingleFlight[Iterable[bytes]] = SingleFlight()
        self._hosts = Hosts()
        self._copies = LocalCopies()

    def __call__(self, environ: Environ, start_response: StartResponse) -> Iterable[bytes]:
        started = time.perf_counter()
        keys = response_keys(environ, self._hosts)
        if keys is None:
            handle = partial(self.application, environ, start_response)
            return self._admit(environ, start_response, handle)
        handle = partial(self._handle, keys, environ, start_response)
        if cache_store().is_readable():
            try:
                hit = self._find_copy(keys) or self._fetch(keys)
            except RedisUnavailable:
                return self._admit(environ, start_response, handle)
            if hit is None:
                # Also a thread that waits for another one's response needs admission.
                handle = partial(self._miss, keys, environ, start_response, started)
            elif hit.response.is_picture or not _wants_picture(environ):
                return self._send(hit, environ, start_response, started, "hit")
        return self._admit(environ, start_response, handle)

    def _find_copy(self, keys: ResponseKeys) -> _Hit | None:
        """Return the hit that this process has a current copy of: one round trip if it has any."""
        client = cache_store().client
        for key in (keys.public, keys.own):
            if (response := self._copies.get(key, client.prefix)) is not None:
                break
        else:
            return None
        copies, caller = [response], _ANONYMOUS
        if keys.credential:
            credential = self._copies.get(keys.credential, client.prefix)
            if credential is None or credential.value.expires_at <= time.time():
                return None
            copies, caller = [credential, response], credential.value
        if are_current(copies, client.replies_with):
            return _Hit(response.value, key, key is keys.public, caller.user_id, caller.token_id)
        # A stale public copy would hide the caller's own response.
        self._copies.discard(key)
        return None

    def _fetch(self, keys: ResponseKeys) -> _Hit | None:
        """Return the hit from Redis, in one round trip, and copy it."""
        wanted = [key for key in keys if key]
        stored = zip(wanted, cache_store().fetch(wanted), strict=True)
        current = {key: value for key, value in stored if value is not None}
        prefix, caller = cache_store().client.prefix, _ANONYMOUS
        if keys.credential:
            if keys.credential not in current:
                return None
            versions, payload = current[keys.credential]
            caller = _Record(*orjson.loads(payload))
            if caller.expires_at <= time.time():
                return None
            self._copies.add(keys.credential, caller, len(payload), versions, prefix)
        for key in (keys.public, keys.own):
            if key in current:
                versions, payload = current[key]
                response = StoredResponse(payload)
                self._copies.add(key, response, response.size, versions, prefix)
                return _Hit(response, key, key is keys.public, caller.user_id, caller.token_id)
        return None

    def _miss(
        self, keys: ResponseKeys, environ: Environ, start_response: StartResponse, started: float
    ) -> Iterable[bytes]:
        # Single-flight: of simultaneous misses of a key, one reaches the application at a time.
        work = partial(self._handle_and_fill, keys, environ, start_response)
        response, was_shared = self._flights.run(keys, work)
        if not was_shared:
            return response
        # The other response may be from before a write that this client knows of. Fetch it as if
        # the request came now; if it was not cached, handle the request.
        try:
            hit = self._fetch(keys)
        except RedisUnavailable:
            hit = None
        if hit is None or (_wants_picture(environ) and not hit.response.is_picture):
            return work()
        return self._send(hit, environ, start_response, started, "joined")

    def _send(
        self,
        hit: _Hit,
        environ: Environ,
        start_response: StartResponse,
        started: float,
        lookup: str,
    ) -> Iterable[bytes]:
        response = hit.response
        sample(
            lambda: Hits(
                RESPONSES, {hit.key: response.payload}, partial(self._compute, hit, dict(environ))
            )
        )
        request_id = normalize_request_id(environ.get("HTTP_X_REQUEST_ID", ""))
        status, body = response.send(
            environ.get("HTTP_ACCEPT_ENCODING", ""),
            environ.get("HTTP_IF_NONE_MATCH", ""),
            request_id,
            start_response,
        )
        seconds = time.perf_counter() - started
        publish_finished_request(
            FinishedRequest(
                response.route,
                status,
                seconds,
                request_id,
                hit.user_id,
                lookup=lookup,
                traceparent=read_traceparent(environ),
                token_id=hit.token_id,
            )
        )
        return body

    def _handle_and_fill(
        self, keys: ResponseKeys, environ: Environ, start_response: StartResponse
    ) -> Iterable[bytes]:
        metrics.count_lookups(RESPONSES, "miss", 1)
        return self._handle(keys, environ, start_response)

    def _handle(
        self, keys: ResponseKeys, environ: Environ, start_response: StartResponse
    ) -> Iterable[bytes]:
        """Let the application respond; store the response, and send it in its stored encoding."""
        started: list[tuple[str, Headers]] = []
        response: Any = self.application(
            environ, lambda status, headers, *_: started.append((status, headers))
        )
        status, headers = started[-1]
        is_accepted = is_picture(headers) or not _wants_picture(environ)
        if is_accepted and _is_storable(status, headers, response):
            payload = encode_response(environ.get(ROUTE), headers, response)
            self._fill(keys, environ, headers, payload)
            if accepts_gzip(environ.get("HTTP_ACCEPT_ENCODING", "")):
                if (compressed := compress_response(headers, payload)) is not None:
                    headers, response.content = compressed
        start_response(status, headers)
        return response  # type: ignore[no-any-return]

    def _fill(self, keys: ResponseKeys, environ: Environ, headers: Headers, payload: bytes) -> None:
        """Store a response, and the record of the caller's token or session."""
        content: Dependencies | None = environ.get(DEPENDENCIES)
        caller: Credential | None = environ.get(CREDENTIAL)
        if content is None or not content.versions or bool(keys.credential) != bool(caller):
            return
        values = {}
        if caller is not None and caller.dependencies.is_complete:
            record = _Record(caller.user_id, caller.expires_at, caller.token_id)
            values[keys.credential] = (caller.dependencies.versions, orjson.dumps([*record]))
        key = keys.public
        if not _is_public(headers) or content.includes_absence:
            key = keys.own
            if caller is not None:
                # The content may repeat what authentication read of the caller.
                content = content.joined(caller.dependencies)
        has_reader = _is_public(headers) or caller is not None
        if has_reader and content.is_complete and len(payload) <= RESPONSES.max_bytes:
            values[key] = (content.versions, payload)
        if values:
            ttl_s = ABSENT_TTL_S if content.includes_absence else RESPONSES.ttl_s
            cache_store().fill(values, ttl_s)
            self._hosts.add(environ["HTTP_HOST"])

    def _compute(self, hit: _Hit, environ: Environ) -> dict[str, bytes]:
        """Return the payload that the application gives now, for shadow verification."""
        started: list[Headers] = []
        if hit.is_public:
            # The caller may have logged out since.
            environ.pop("HTTP_AUTHORIZATION", None)
            environ.pop("HTTP_COOKIE", None)
        # Without conditions and without the client's connection, which is closed.
        environ.pop("HTTP_IF_NONE_MATCH", None)
        environ["wsgi.input"] = io.BytesIO()
        response = self.application(environ, lambda status, headers, *_: started.append(headers))
        try:
            return {hit.key: encode_response(environ.get(ROUTE), started[-1], response)}
        finally:
            if close := getattr(response, "close", None):
                close()


def count_hits(requests: Sequence[FinishedRequest]) -> None:
    """Count finished requests that were hits: a subscriber, so that a hit waits for no metric."""
    outcomes = Counter(request.lookup for request in requests if request.trace is None)
    for outcome, count in outcomes.items():
        metrics.count_lookups(RESPONSES, outcome, count)


def _wants_picture(environ: Environ) -> bool:
    """Return whether a request's `Accept` is that of an `<img>`, which no key contains."""
    return environ.get("HTTP_ACCEPT", "").startswith(PICTURES)  # type: ignore[no-any-return]


def _is_storable(status: str, headers: Headers, response: Any) -> bool:
    named = {name.lower(): value for name, value in headers}
    return (
        status.startswith("200 ")
        and named.get("cache-control", "").startswith(("public", "private"))
        and "set-cookie" not in named
        and not getattr(response, "streaming", True)
    )


def _is_public(headers: Headers) -> bool:
    return dict(headers)["Cache-Control"].startswith("public")
