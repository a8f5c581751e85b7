"""The listening socket of the server, and the command that serves on it."""

from __future__ import annotations

import socket
import sys

# Connections that one server process takes; as many again wait in the kernel.
BACKLOG = 1024

# A client that acknowledges nothing of a response for so long is disconnected by the kernel: it is
# gone, or it does not read.
UNREAD_TIMEOUT_S = 30


def listen(host: str, port: int) -> socket.socket:
    """Return a socket that listens, as `bind` makes it."""
    listener = bind(host, port)
    listener.listen(BACKLOG)
    return listener


def bind(host: str, port: int) -> socket.socket:
    """Return a socket that has the port and will listen; what is set on it holds for connections.

    Raises:
        OSError: The address is not of this machine, or the port is taken.
        OverflowError: There is no such port.
    """
    family, kind, protocol, _, address = socket.getaddrinfo(
        host, port, type=socket.SOCK_STREAM, flags=socket.AI_PASSIVE
    )[0]
    listener = socket.socket(family, kind, protocol)
    try:
        # Connections of a server that just ended do not keep the port.
        listener.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        listener.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
        if hasattr(socket, "TCP_USER_TIMEOUT"):  # Linux
            milliseconds = UNREAD_TIMEOUT_S * 1000
            listener.setsockopt(socket.IPPROTO_TCP, socket.TCP_USER_TIMEOUT, milliseconds)
        listener.bind(address)
        # The kernel lets two sockets share a port as long as both say so and neither listens.
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
    """Return the command line that serves a WSGI application.

    Args:
        listener: Descriptor of a socket that the process inherits; without one it opens its own.
        threads: Of each of the `workers` processes.
    """
    return [
        *(sys.executable, "-m", "morpheus.serving", application),
        *("--host", host, "--port", str(port)),
        *("--workers", str(workers), "--threads", str(threads)),
        *([] if listener is None else ["--listener", str(listener)]),
    ]
