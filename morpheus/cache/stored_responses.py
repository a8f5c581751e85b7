"""Stored responses: how they are written to the cache, copied into this process, and sent.

A copy has the versions of its tags, like the value in Redis. It is used only if one MGET returns
these versions, so it is as fresh as the stored value would be. What it saves is the way of the
value through the network, its decompression and its parsing.
"""

from __future__ import annotations

import threading
import time
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass
from functools import lru_cache
from typing import Any, NamedTuple

import orjson

from morpheus.cache.redis_client import pack
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


# Of the copies of a process.
MAX_BYTES = 32 * 1024 * 1024
# Larger values would evict many others.
MAX_COPY_BYTES = 128 * 1024
# Bounds what copies add to the TTL of the stored value.
TTL_S = 60.0

# Fixed part of what a copy takes beside its value and tags.
_OVERHEAD_BYTES = 1600


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


def compress_response(headers: Headers, payload: bytes) -> tuple[Headers, bytes] | None:
    """Return headers and body of a response that `encode_response` compressed, or None.

    Args:
        headers: Those of the uncompressed response.
    """
    body = payload.partition(b"\n")[2]
    if decompress(body) is body:
        return None
    sent = [each for each in _weaken_etag(headers) if each[0] != "Content-Length"]
    return [*sent, ("Content-Length", str(len(body))), _COMPRESSED], body


class _Form(NamedTuple):
    """Headers of a 200 and of a 304, and the body, in one encoding."""

    headers: Headers
    body: bytes
    not_modified: Headers


class StoredResponse:
    """A stored response, ready to be sent.

    Attributes:
        size: Bytes of all bodies, and of the headers as they are stored.
    """

    __slots__ = ("_etag", "_gzip", "_head", "_plain", "is_picture", "route", "size")

    def __init__(self, payload: bytes) -> None:
        self._head, _, body = payload.partition(b"\n")
        self.route, stored = orjson.loads(self._head)
        headers = [_make_header(name, value) for name, value in stored]
        self.is_picture = is_picture(headers)
        self._etag = next((value for name, value in headers if name == "ETag"), None)
        self._gzip: _Form | None = None
        if headers[-1] == _COMPRESSED:
            self._gzip = _make_form(_weaken_etag(headers), body)
            headers, body = headers[:-1], decompress(body)
        self._plain = _make_form(headers, body)
        self.size = len(payload) + (len(body) if self._gzip else 0)

    @property
    def payload(self) -> bytes:
        """What `encode_response` returned."""
        return self._head + b"\n" + (self._gzip or self._plain).body

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
        form = self._gzip if self._gzip and accepts_gzip(accepted_encoding) else self._plain
        own = ("X-Request-ID", request_id)
        if condition and _matches(condition, self._etag):
            start_response("304 Not Modified", [*form.not_modified, own])
            return 304, [b""]
        start_response("200 OK", [*form.headers, own])
        return 200, [form.body]


@lru_cache(maxsize=1024)
def _make_header(name: str, value: str) -> tuple[str, str]:
    """Return the header; copies share those that many responses have."""
    return name, value


def is_picture(headers: Iterable[Sequence[str]]) -> bool:
    """Return whether headers are those of a picture."""
    return any(name == "Content-Type" and value.startswith(PICTURES) for name, value in headers)


def _make_form(headers: Headers, body: bytes) -> _Form:
    sent = [*headers, _TIMING]
    not_modified = [each for each in sent if each[0] in _OF_NOT_MODIFIED]
    return _Form([*sent, ("Content-Length", str(len(body)))], body, not_modified)


@lru_cache(maxsize=256)
def accepts_gzip(accepted_encoding: str) -> bool:
    """Return whether a client accepts compressed responses, by its `Accept-Encoding`."""
    # All browsers send gzip without a weight. A client that sends weights gets no encoding.
    return "gzip" in [coding.strip() for coding in accepted_encoding.lower().split(",")]


def _weaken_etag(headers: Headers) -> Headers:
    """Return headers with a weak ETag: a strong one promises the bytes of the uncompressed body."""
    return [
        (name, f"W/{value}" if name == "ETag" and not value.startswith("W/") else value)
        for name, value in headers
    ]


def _matches(condition: str, etag: str | None) -> bool:
    etags = [each.strip().removeprefix("W/") for each in condition.split(",")]
    return etag is not None and (condition.strip() == "*" or etag.removeprefix("W/") in etags)


@dataclass(frozen=True, slots=True)
class LocalCopy:
    """A value, and its tags and versions in the protocol of Redis.

    Attributes:
        prefix: Key prefix of the server that the value was stored on.
        tags: Number of tags.
        keys: The tags' keys, as arguments of a packed MGET.
        versions: What MGET replies for them while the value is current.
        expires_at: Of `time.monotonic()`.
    """

    value: Any
    prefix: str
    tags: int
    keys: bytes
    versions: bytes
    size: int
    expires_at: float


class LocalCopies:
    """The copies of one process, by key: at most `max_bytes`, each for `TTL_S`."""

    def __init__(self, *, max_bytes: int = MAX_BYTES) -> None:
        self._max_bytes = max_bytes
        self._copies: dict[str, LocalCopy] = {}
        self._bytes = 0
        self._lock = threading.Lock()

    def get(self, key: str, prefix: str) -> LocalCopy | None:
        """Return the copy of a key from a server; it may be stale."""
        copy = self._copies.get(key)
        if copy is None or copy.prefix != prefix or copy.expires_at < time.monotonic():
            return None
        return copy

    def add(
        self, key: str, value: Any, size: int, versions: Mapping[str, str], prefix: str
    ) -> None:
        """Keep a value with the versions that it was stored under, instead of the oldest ones."""
        if size > MAX_COPY_BYTES:
            return
        keys = pack(*[f"{prefix}t:{tag}" for tag in versions]).partition(b"\r\n")[2]
        replies = pack(*versions.values()).partition(b"\r\n")[2]
        size += len(keys) + len(replies) + _OVERHEAD_BYTES
        expires_at = time.monotonic() + TTL_S
        copy = LocalCopy(value, prefix, len(versions), keys, replies, size, expires_at)
        with self._lock:
            self._remove(key)
            self._copies[key] = copy
            self._bytes += size
            while self._bytes > self._max_bytes:
                self._remove(next(iter(self._copies)))

    def discard(self, key: str) -> None:
        """Drop the copy of a key, if there is one."""
        with self._lock:
            self._remove(key)

    def _remove(self, key: str) -> None:
        if (copy := self._copies.pop(key, None)) is not None:
            self._bytes -= copy.size


def are_current(
    copies: Sequence[LocalCopy], replies_with: Callable[[str, bytes, bytes], bool]
) -> bool:
    """Return whether all tags of copies from one server have their versions: one round trip.

    Args:
        replies_with: `RedisClient.replies_with`.

    Raises:
        RedisUnavailable: As `replies_with`.
    """
    count = sum([copy.tags for copy in copies])
    keys = b"".join([copy.keys for copy in copies])
    versions = b"".join([copy.versions for copy in copies])
    return replies_with(
        copies[0].prefix,
        b"*%d\r\n$4\r\nMGET\r\n%b" % (count + 1, keys),
        b"*%d\r\n%b" % (count, versions),
    )
