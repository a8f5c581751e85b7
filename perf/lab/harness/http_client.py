"""HTTP/1.1 over a kept connection, with little work per response, so that the server is measured.

`http.client` parses headers as those of an e-mail, which takes longer than a cached response.
"""

from __future__ import annotations

import json
import random
import re
import socket
import time
import zlib
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from perf.lab.example_requests import HttpRequest

# Longer than any request waits under the faults that are injected.
TIMEOUT_S = 60.0
# A client gives up when the server refuses a request for so long.
RETRY_FOR_S = 60.0
# One host name for all servers of this machine, as behind a proxy.
HOST = "localhost"
_BLOCK_BYTES = 256 * 1024
_BODILESS = (204, 304)


class BadResponse(Exception):
    """The response is incomplete or has the wrong status."""


def is_refusal(status: int, retry_after: str, server_timing: str) -> bool:
    """Tell whether the server had no thread for a request and executed no statement for it.

    Sending such a request again is safe, even a write.
    """
    return status == 503 and retry_after != "" and '"0 queries"' in server_timing


@dataclass(frozen=True, slots=True)
class Response:
    """A whole response; the body is as it was sent, perhaps compressed."""

    status: int
    head: bytes
    body: bytes

    def header(self, name: str) -> str:
        """Return the value of a header, named in lower case; empty without one."""
        start = self.head.lower().find(f"\r\n{name}:".encode())
        if start < 0:
            return ""
        start += len(name) + 3
        end = self.head.find(b"\r\n", start)
        return self.head[start : end if end >= 0 else None].decode("latin-1").strip()

    @property
    def etag(self) -> str:
        return self.header("etag")

    @property
    def cookies(self) -> dict[str, str]:
        """The cookies that the response sets."""
        pairs = re.findall(
            r"(?im)^set-cookie: *([^= ][^=]*)=([^;\r]*)", self.head.decode("latin-1")
        )
        return dict(pairs)

    @property
    def content(self) -> bytes:
        """The body, decompressed."""
        is_packed = self.header("content-encoding") == "gzip"
        return zlib.decompress(self.body, zlib.MAX_WBITS | 16) if is_packed else self.body

    @property
    def json(self) -> Any:
        return json.loads(self.content)

    @property
    def is_refusal(self) -> bool:
        """As `is_refusal` of the status and the headers."""
        return is_refusal(self.status, self.header("retry-after"), self.header("server-timing"))

    def require_ok(self) -> Response:
        """Return this response.

        Raises:
            BadResponse: The status is not 200.
        """
        if self.status != 200:
            raise BadResponse(f"{self.status} {self.body[:200]!r}")
        return self


class Connection:
    """A connection to a local server; it opens with the first request, and after an error.

    Attributes:
        retries: Requests that `exchange_with_retries` sent again.
        sent_at: When the last request was sent, by `time.monotonic`.
    """

    def __init__(self, port: int) -> None:
        self.port = port
        self.retries = 0
        self.sent_at = 0.0
        self._socket: socket.socket | None = None

    def exchange(self, request: HttpRequest) -> Response:
        """Send a request and return its response.

        Raises:
            BadResponse, OSError: There was no whole response.
        """
        lines = [f"{request.method} {request.path} HTTP/1.1", f"Host: {HOST}"]
        lines += [f"{name}: {value}" for name, value in request.headers.items()]
        if request.body or request.method not in ("GET", "DELETE"):
            lines.append(f"Content-Length: {len(request.body)}")
        self.sent_at = time.monotonic()
        try:
            opened = self.open()
            opened.sendall("\r\n".join([*lines, "", ""]).encode() + request.body)
            response = _receive(opened)
        except (BadResponse, OSError):
            self.close()
            raise
        if response.header("connection") == "close":
            self.close()
        return response

    def get(self, path: str, headers: Mapping[str, str] | None = None) -> Response:
        """Send a GET and return its response; raises as `exchange`."""
        return self.exchange(HttpRequest("GET", path, dict(headers or {})))

    def exchange_with_retries(
        self, request: HttpRequest, *, longest_pause_s: float = RETRY_FOR_S
    ) -> Response:
        """Send a request, and again after `Retry-After` while the server refuses it.

        Args:
            longest_pause_s: Wait at most so long, whatever `Retry-After` says.
        """
        deadline = time.monotonic() + RETRY_FOR_S
        while (response := self.exchange(request)).is_refusal and time.monotonic() < deadline:
            self.retries += 1
            pause_s = min(float(response.header("retry-after")), longest_pause_s)
            # Clients that were refused together must not come back together.
            time.sleep(pause_s * random.uniform(0.5, 1.5))  # noqa: S311 - no secret
        return response

    def open(self) -> socket.socket:
        """Connect unless the connection is open."""
        if self._socket is None:
            self._socket = socket.create_connection(("127.0.0.1", self.port), TIMEOUT_S)
            self._socket.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
        return self._socket

    def close(self) -> None:
        """Close the connection."""
        if self._socket is not None:
            self._socket.close()
            self._socket = None


def _receive(opened: socket.socket) -> Response:
    received = b""
    while (end := received.find(b"\r\n\r\n")) < 0:
        received += _receive_block(opened)
    response = Response(int(received[9:12]), received[:end], received[end + 4 :])
    if response.status in _BODILESS:
        return Response(response.status, response.head, b"")
    length = response.header("content-length")
    if not length:
        raise BadResponse(f"No Content-Length: {response.head!r}")
    blocks, missing = [response.body], int(length) - len(response.body)
    while missing > 0:
        blocks.append(_receive_block(opened))
        missing -= len(blocks[-1])
    return Response(response.status, response.head, b"".join(blocks))


def _receive_block(opened: socket.socket) -> bytes:
    block = opened.recv(_BLOCK_BYTES)
    if not block:
        raise BadResponse("The server closed the connection.")
    return block
