"""A kept connection, as cheap as it can be: the server is what is measured."""

from __future__ import annotations

import re
import socket
import zlib
from dataclasses import dataclass

_LENGTH = re.compile(rb"\r\ncontent-length: *(\d+)", re.IGNORECASE)
_ETAG = re.compile(rb"\r\netag: *([^\r]+)", re.IGNORECASE)
_GZIP = re.compile(rb"\r\ncontent-encoding: *gzip", re.IGNORECASE)
_DATABASE = re.compile(rb"\r\nserver-timing: *db;[^,]*dur=([\d.]+)", re.IGNORECASE)
_BODILESS = (204, 304)
_BLOCK_BYTES = 256 * 1024
# One host name for all servers, as behind a proxy.
HOST = "localhost"
TIMEOUT_S = 60.0


class BadAnswer(Exception):
    """The server closed the connection or said something that is no whole answer."""


@dataclass(frozen=True, slots=True)
class Answer:
    """One answer; its body is as it was sent, perhaps compressed."""

    status: int
    head: bytes
    body: bytes

    @property
    def etag(self) -> bytes:
        """The entity tag, empty without one."""
        found = _ETAG.search(self.head)
        return found[1] if found else b""

    @property
    def database_ms(self) -> float:
        """How long the server says that it waited for the database."""
        found = _DATABASE.search(self.head)
        return float(found[1]) if found else 0.0

    @property
    def content(self) -> bytes:
        """The body as it was before it was compressed."""
        is_packed = _GZIP.search(self.head)
        return zlib.decompress(self.body, zlib.MAX_WBITS | 16) if is_packed else self.body

    def require_ok(self) -> Answer:
        """Return this answer.

        Raises:
            BadAnswer: It is not 200.
        """
        if self.status != 200:
            raise BadAnswer(f"{self.status} {self.body[:200]!r}")
        return self


class Connection:
    """Speaks HTTP/1.1 to 127.0.0.1; connects at the first request and again after an error."""

    def __init__(self, port: int) -> None:
        self.port = port
        self._socket: socket.socket | None = None

    def exchange(
        self, method: str, path: str, headers: dict[str, str], body: bytes = b""
    ) -> Answer:
        """Send a request and return its whole answer.

        Raises:
            BadAnswer, OSError: There was none.
        """
        try:
            self.send(method, path, headers, body)
            return self.receive()
        except (BadAnswer, OSError):
            self.close()
            raise

    def send(self, method: str, path: str, headers: dict[str, str], body: bytes = b"") -> None:
        """Send a request and do not wait."""
        lines = [f"{method} {path} HTTP/1.1", f"Host: {HOST}"]
        lines += [f"{name}: {value}" for name, value in headers.items()]
        if body or method not in ("GET", "DELETE"):
            lines.append(f"Content-Length: {len(body)}")
        self.open().sendall("\r\n".join([*lines, "", ""]).encode() + body)

    def receive(self) -> Answer:
        """Wait for the answer to what was sent."""
        return _received(self.open())

    def open(self) -> socket.socket:
        """Connect, unless it is so already."""
        if self._socket is None:
            self._socket = socket.create_connection(("127.0.0.1", self.port), TIMEOUT_S)
            self._socket.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
        return self._socket

    def fileno(self) -> int:
        """Return the socket's descriptor, to wait for it."""
        return self.open().fileno()

    def close(self) -> None:
        """Close the connection."""
        if self._socket is not None:
            self._socket.close()
            self._socket = None


def _received(opened: socket.socket) -> Answer:
    got = b""
    while (end := got.find(b"\r\n\r\n")) < 0:
        got += _block(opened)
    head, body = got[:end], got[end + 4 :]
    status = int(head[9:12])
    if status in _BODILESS:
        return Answer(status, head, b"")
    length = _LENGTH.search(head)
    if length is None:
        raise BadAnswer(f"No Content-Length: {head!r}")
    missing = int(length[1]) - len(body)
    blocks = [body]
    while missing > 0:
        blocks.append(_block(opened))
        missing -= len(blocks[-1])
    return Answer(status, head, b"".join(blocks))


def _block(opened: socket.socket) -> bytes:
    block = opened.recv(_BLOCK_BYTES)
    if not block:
        raise BadAnswer("The server closed the connection.")
    return block
