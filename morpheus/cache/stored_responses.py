"""Stored responses: how they are written to the cache, and sent from it."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Sequence
from functools import lru_cache
from typing import Any, NamedTuple

import orjson

from morpheus.cache.response_keys import PICTURES
from morpheus.cache.store import compress, decompress

Headers = list[tuple[str, str]]
StartResponse = Callable[..., Any]

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
# The last header of a response that is stored compressed.
_COMPRESSED = ("Content-Encoding", "gzip")


def encode_response(route: str | None, headers: Headers, response: Iterable[bytes]) -> bytes:
    """Return a response as it is stored: route and headers as JSON, a newline, and the body.

    A public body is compressed. A private one never is: its length would tell its content.
    """
    # Sorted: their order depends on how the request came through Django.
    stored = sorted((name, value) for name, value in headers if name.lower() not in _NOT_STORED)
    body = b"".join(response)
    if any(name == "Vary" and "Accept-Encoding" in value for name, value in stored):
        compressed = compress(body)
        if compressed is not body:
            stored, body = [*stored, _COMPRESSED], compressed
    return orjson.dumps([route, stored]) + b"\n" + body


class _Form(NamedTuple):
    """Headers of a 200 and of a 304, and the body, in one encoding."""

    headers: Headers
    body: bytes
    not_modified: Headers


class StoredResponse:
    """A stored response, ready to be sent.

    Attributes:
        payload: What `encode_response` returned.
        size: Bytes of all bodies.
    """

    __slots__ = ("_etag", "_gzip", "_plain", "is_picture", "payload", "route", "size")

    def __init__(self, payload: bytes) -> None:
        self.payload = payload
        head, _, body = payload.partition(b"\n")
        self.route, stored = orjson.loads(head)
        headers = [(name, value) for name, value in stored]
        self.is_picture = is_picture(headers)
        self._etag = next((value for name, value in headers if name == "ETag"), None)
        self._gzip: _Form | None = None
        if headers[-1] == _COMPRESSED:
            # A strong ETag would promise the bytes of the uncompressed body.
            weak = [(name, _weaken(value) if name == "ETag" else value) for name, value in headers]
            self._gzip = _make_form(weak, body)
            headers, body = headers[:-1], decompress(body)
        self._plain = _make_form(headers, body)
        self.size = len(payload) + len(body)

    def send(
        self,
        accepted_encoding: str,
        condition: str,
        request_id: str,
        start_response: StartResponse,
    ) -> tuple[int, list[bytes]]:
        """Begin the response; return its status and body.

        Args:
            accepted_encoding: `Accept-Encoding` of the request, or nothing.
            condition: `If-None-Match` of the request, or nothing.
        """
        form = self._gzip if self._gzip and _accepts_gzip(accepted_encoding) else self._plain
        own = ("X-Request-ID", request_id)
        if condition and _matches(condition, self._etag):
            start_response("304 Not Modified", [*form.not_modified, own])
            return 304, [b""]
        start_response("200 OK", [*form.headers, own])
        return 200, [form.body]


def is_picture(headers: Iterable[Sequence[str]]) -> bool:
    """Return whether headers are those of a picture."""
    return any(name == "Content-Type" and value.startswith(PICTURES) for name, value in headers)


def _make_form(headers: Headers, body: bytes) -> _Form:
    sent = [*headers, _TIMING]
    not_modified = [each for each in sent if each[0] in _OF_NOT_MODIFIED]
    return _Form([*sent, ("Content-Length", str(len(body)))], body, not_modified)


@lru_cache(maxsize=256)
def _accepts_gzip(accepted_encoding: str) -> bool:
    # All browsers send gzip without a weight. A client that sends weights gets no encoding.
    return "gzip" in [coding.strip() for coding in accepted_encoding.lower().split(",")]


def _weaken(etag: str) -> str:
    return etag if etag.startswith("W/") else f"W/{etag}"


def _matches(condition: str, etag: str | None) -> bool:
    etags = [each.strip().removeprefix("W/") for each in condition.split(",")]
    return etag is not None and (condition.strip() == "*" or etag.removeprefix("W/") in etags)
