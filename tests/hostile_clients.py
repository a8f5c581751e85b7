"""Hostile clients on raw sockets."""

from __future__ import annotations

import socket
import struct
import threading
import time
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager, suppress
from typing import Any

HERE = "127.0.0.1"
TOKEN_PATH = "/api/v1/auth/token/"


def connect(port: int, source: str = HERE) -> socket.socket:
    """Open a connection, from another address of the loopback network if wanted."""
    return socket.create_connection((HERE, port), timeout=60, source_address=(source, 0))


def request_head(method: str, path: str, *headers: str) -> bytes:
    lines = [f"{method} {path} HTTP/1.1", "Host: localhost", *headers]
    return ("\r\n".join(lines) + "\r\n\r\n").encode()


def announce_body(
    port: int, *, size: int = 2_000_000, path: str = TOKEN_PATH, source: str = HERE, **more: str
) -> socket.socket:
    """Send the head of a request, and nothing of its body."""
    client = connect(port, source)
    headers = [f"{name.replace('_', '-')}: {value}" for name, value in more.items()]
    json = "Content-Type: application/json"
    client.sendall(request_head("POST", path, json, f"Content-Length: {size}", *headers))
    return client


def post_json(port: int, path: str, body: bytes, source: str = HERE) -> int | None:
    """Send a request as an honest client does; return the status of the response."""
    with connect(port, source) as client:
        json = "Content-Type: application/json"
        client.sendall(request_head("POST", path, json, f"Content-Length: {len(body)}") + body)
        return status_of(client)


def status_of(client: socket.socket, patience_s: float = 60) -> int | None:
    """Return the status of the response; None if the connection ends without one."""
    client.settimeout(patience_s)
    with suppress(ConnectionError):
        words = client.recv(65536).split(None, 2)
        if len(words) > 1:
            return int(words[1])
    return None


@contextmanager
def announced_bodies(port: int, count: int, **more: Any) -> Iterator[list[socket.socket]]:
    """Hold `count` connections whose announced bodies never come."""
    with ExitStack() as stack:
        yield [stack.enter_context(announce_body(port, **more)) for _ in range(count)]


@contextmanager
def silent_connections(port: int, count: int, sends: bytes = b"") -> Iterator[None]:
    """Hold connections on which nothing is sent, or the beginning of a request head."""
    with ExitStack() as stack:
        for _ in range(count):
            with suppress(OSError):  # The kernel's queue may be full.
                client = stack.enter_context(socket.socket())
                client.settimeout(0.5)
                client.connect((HERE, port))
                client.sendall(sends)
        yield


@contextmanager
def trickled_body(port: int, bytes_per_s: int) -> Iterator[socket.socket]:
    """Hold a connection whose body is sent byte by byte."""
    done = threading.Event()

    def trickle(client: socket.socket) -> None:
        with suppress(OSError):
            while not done.wait(1 / bytes_per_s):
                client.sendall(b"x")

    with announce_body(port) as client:
        thread = threading.Thread(target=trickle, args=[client])
        thread.start()
        try:
            yield client
        finally:
            done.set()
            thread.join()


def break_off_http2_bodies(port: int, count: int = 16) -> None:
    """Begin `count` uploads on one HTTP/2 connection, by prior knowledge, and hang up."""

    def frame(kind: int, flags: int, stream: int, payload: bytes) -> bytes:
        return (
            struct.pack("!I", len(payload))[1:] + struct.pack("!BBI", kind, flags, stream) + payload
        )

    def literal(index: int, text: str) -> bytes:
        return bytes([index, len(text)]) + text.encode()

    # HPACK (RFC 7541): indexed `:method POST` and `:scheme http`; literal `:path`, `:authority`,
    # `content-type` and `content-length` with indexed names.
    head = (
        b"\x83\x86"
        + literal(0x04, TOKEN_PATH)
        + literal(0x01, "localhost")
        + b"\x0f\x10"
        + bytes([16])
        + b"application/json"
        + b"\x0f\x0d"
        + bytes([7])
        + b"2000000"
    )
    with connect(port) as client, suppress(OSError):
        client.sendall(b"PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n" + frame(4, 0, 0, b""))
        for stream in range(1, 2 * count, 2):
            client.sendall(frame(1, 0x4, stream, head) + frame(0, 0, stream, b"{"))
        time.sleep(1)
