"""The listening socket of the server, and the only command line that serves on it."""

from __future__ import annotations

import socket
import sys

# Connections that one server process accepts; as many again wait in the kernel.
BACKLOG = 1024

# The kernel disconnects a client that acknowledges no byte of a response for so long.
UNREAD_TIMEOUT_S = 30


def listen(host: str, port: int) -> socket.socket:
    """Return a listening socket; raises as `bind` does."""
    listener = bind(host, port)
    start_listening(listener)
    return listener


def start_listening(listener: socket.socket) -> None:
    """Accept connections on a bound socket."""
    # Without the option, connections of a server that has just ended block its port for a minute,
    # now and after the end of this one. No other socket can bind the port of one that listens.
    listener.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
    listener.listen(BACKLOG)


def bind(host: str, port: int) -> socket.socket:
    """Return a bound socket that does not listen yet; connections inherit its options.

    Raises:
        OSError: The address is not one of this machine, or the port is taken.
        OverflowError: There is no such port.
    """
    family, kind, protocol, _, address = socket.getaddrinfo(
        host, port, type=socket.SOCK_STREAM, flags=socket.AI_PASSIVE
    )[0]
    listener = socket.socket(family, kind, protocol)
    try:
        # Connections of a server that has just ended do not block the port.
        listener.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        listener.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
        if hasattr(socket, "TCP_USER_TIMEOUT"):  # Linux
            milliseconds = UNREAD_TIMEOUT_S * 1000
            listener.setsockopt(socket.IPPROTO_TCP, socket.TCP_USER_TIMEOUT, milliseconds)
        listener.bind(address)
        # With the option on, another socket could bind the same port until one of them listens.
        listener.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 0)
    except BaseException:
        listener.close()
        raise
    return listener


def server_command(
    application: str,
    *,
    host: str = "127.0.0.1",
    port: int,
    workers: int = 1,
    threads: int,
    listener: int | None = None,
) -> list[str]:
    """Return the command line that serves a WSGI application with granian.

    Args:
        application: Like `morpheus.wsgi:application`.
        workers: Server processes, with `threads` each.
        listener: Descriptor of a socket that the command inherits; without one it opens its own.
    """
    return [
        *(sys.executable, "-m", "morpheus.serving", application),
        *("--host", host, "--port", str(port)),
        *("--workers", str(workers), "--threads", str(threads)),
        *([] if listener is None else ["--listener", str(listener)]),
    ]
