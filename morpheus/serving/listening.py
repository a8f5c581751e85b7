"""The listening socket of the server, and the only command line that serves on it."""

from __future__ import annotations

import signal
import socket
import sys
from contextlib import suppress
from importlib import import_module
from typing import Any

# Connections that one server process accepts; as many again wait in the kernel.
BACKLOG = 1024

# The kernel disconnects a client that acknowledges no byte of a response for so long.
UNREAD_TIMEOUT_S = 30

# Tells a server process that its server is about to stop.
DRAIN_SIGNAL = signal.SIGUSR1
# Tells it, when no connection comes any more, to end responses that would go on.
END_SIGNAL = signal.SIGUSR2

# Of Linux 5.1 and later; Python has no name for it.
_SO_BINDTOIFINDEX = 62
# No machine has so many network interfaces.
_ABSENT_INTERFACE = 2**31 - 1


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


def load_and_listen(listener: socket.socket, application: str) -> Any:
    """Return the application of a server process, which accepts connections from now on.

    Not earlier: a proxy would send requests that wait for the start, and has another server.
    """
    # Meanwhile a process has the handler of its parent, which ignores the signal.
    inherited = signal.signal(signal.SIGTERM, signal.SIG_DFL)
    module, _, name = application.partition(":")
    loaded = getattr(import_module(module), name)
    # With the default one, a process with an event loop did not end either.
    signal.signal(signal.SIGTERM, inherited)
    start_listening(listener)
    return loaded


def refuse_connections(listener: socket.socket) -> None:
    """Refuse new connections; accept those that the kernel has already (Linux only).

    Closing the socket would reset connections on which a proxy may have sent a request. A socket
    that is bound to an absent network interface matches no new connection, so the kernel refuses
    it, and a proxy tries the next server. It cannot be undone without privileges.
    """
    if sys.platform == "linux":
        with suppress(OSError):
            listener.setsockopt(socket.SOL_SOCKET, _SO_BINDTOIFINDEX, _ABSENT_INTERFACE)


def refuses_connections(listener: socket.socket) -> bool:
    """Tell whether `refuse_connections` was called for the socket, in any process."""
    if sys.platform == "linux":
        with suppress(OSError):
            return bool(listener.getsockopt(socket.SOL_SOCKET, _SO_BINDTOIFINDEX))
    return False


def server_command(
    application: str,
    *,
    host: str = "127.0.0.1",
    port: int,
    workers: int = 1,
    threads: int,
    listener: int | None = None,
    drain_s: float = 0,
    stop_timeout_s: int | None = None,
    connections: int = BACKLOG,
) -> list[str]:
    """Return the command line that serves an application with granian.

    Args:
        application: Like `morpheus.wsgi:application`; an ASGI application if its module is `asgi`.
        workers: Server processes, with `threads` each.
        connections: How many are accepted; further ones wait in the kernel.
        listener: Descriptor of a socket that the command inherits; without one it opens its own.
        drain_s: Time after SIGTERM for which it still accepts, while `/readyz` fails.
        stop_timeout_s: Time for the requests in flight after that; None means no limit.
    """
    return [
        *(sys.executable, "-m", "morpheus.serving", application),
        *("--host", host, "--port", str(port)),
        *("--workers", str(workers), "--threads", str(threads), "--connections", str(connections)),
        *([] if listener is None else ["--listener", str(listener)]),
        *(["--drain-s", str(drain_s)] if drain_s else []),
        *([] if stop_timeout_s is None else ["--stop-timeout-s", str(stop_timeout_s)]),
    ]
