"""HTTP/1.1 over a kept connection, with as little work per answer as possible.

`http.client` parses headers as those of an e-mail, which takes longer than a cached answer does.
"""

from __future__ import annotations

import json
import re
import secrets
import socket
import zlib
from typing import Any, NamedTuple

_LENGTH = re.compile(rb"\r\ncontent-length: *(\d+)", re.IGNORECASE)
_ETAG = re.compile(rb"\r\netag: *([^\r]+)", re.IGNORECASE)
_GZIP = re.compile(rb"\r\ncontent-encoding: *gzip", re.IGNORECASE)
_CLOSES = re.compile(rb"\r\nconnection: *close", re.IGNORECASE)
# Longer than any request waits under the faults that are made.
TIMEOUT_S = 30.0


class WireFailed(Exception):
    """There was no answer; whether the request was carried out, nobody knows."""


class Answer(NamedTuple):
    """`etag` is empty where there was none."""

    status: int
    etag: bytes
    body: bytes


class Wire:
    """One client's connection to one server; opened when needed, and anew after a failure."""

    def __init__(self, port: int) -> None:
        self._port = port
        self._socket: socket.socket | None = None

    def ask(self, request: bytes) -> Answer:
        """Send a whole request and return the whole answer.

        Raises:
            WireFailed: The server could not be reached, or hung up.
        """
        try:
            if self._socket is None:
                self._socket = socket.create_connection(("127.0.0.1", self._port), TIMEOUT_S)
                self._socket.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
            self._socket.sendall(request)
            return self._answer(self._socket)
        except OSError as error:
            self.close()
            raise WireFailed(type(error).__name__) from error

    def close(self) -> None:
        if self._socket is not None:
            self._socket.close()
            self._socket = None

    def _answer(self, connection: socket.socket) -> Answer:
        received = b""
        while (end := received.find(b"\r\n\r\n")) < 0:
            received += _some(connection)
        head = received[: end + 2]
        status = int(head[9:12])
        length = _LENGTH.search(head)
        body = received[end + 4 :]
        if length is None and status not in (204, 304):
            raise ConnectionError("an answer of unknown length")
        missing = int(length[1]) - len(body) if length and status != 304 else 0
        while missing > 0:
            body += _some(connection)
            missing = int(length[1]) - len(body) if length else 0
        if _CLOSES.search(head):
            self.close()
        if _GZIP.search(head):
            body = zlib.decompress(body, zlib.MAX_WBITS | 16)
        etag = _ETAG.search(head)
        return Answer(status, etag[1] if etag else b"", body)


def _some(connection: socket.socket) -> bytes:
    if not (data := connection.recv(262144)):
        raise ConnectionError("the server hung up")
    return data


def request_bytes(
    method: str, path: str, token: str | None, body: bytes = b"", media_type: str = ""
) -> bytes:
    """Return a request; one without a body can be extended by headers before its last two bytes."""
    lines = [f"{method} {path} HTTP/1.1", "Host: localhost", "Accept-Encoding: gzip"]
    if token:
        lines.append(f"Authorization: Bearer {token}")
    if method != "GET":
        lines += [f"Content-Type: {media_type}"] if body else []
        lines.append(f"Content-Length: {len(body)}")
    return "\r\n".join([*lines, "", ""]).encode() + body


def json_request(method: str, path: str, token: str, said: dict[str, Any]) -> bytes:
    return request_bytes(method, path, token, json.dumps(said).encode(), "application/json")


def form_request(path: str, token: str, fields: dict[str, str], file: bytes) -> bytes:
    """Return a multipart POST with one file named `image`."""
    boundary = secrets.token_hex(8)
    parts = [
        f'--{boundary}\r\nContent-Disposition: form-data; name="{name}"\r\n\r\n{value}\r\n'
        for name, value in fields.items()
    ]
    disposition = 'Content-Disposition: form-data; name="image"; filename="panel.png"'
    start = f"--{boundary}\r\n{disposition}\r\nContent-Type: image/png\r\n\r\n"
    body = f"{''.join(parts)}{start}".encode() + file + f"\r\n--{boundary}--\r\n".encode()
    return request_bytes("POST", path, token, body, f"multipart/form-data; boundary={boundary}")
