"""`python -m morpheus.serving APPLICATION`: serve an application with granian.

Imports nothing of Django, so the parent of the server processes is small and starts them quickly.
"""

from __future__ import annotations

import os
import resource
import signal
import socket
import sys
import time
from argparse import ArgumentParser, Namespace
from collections.abc import Callable, Iterable
from contextlib import suppress
from functools import partial

from granian.constants import HTTPModes, Interfaces
from granian.log import LogLevels

from morpheus.django_internals.granian import ListeningServer
from morpheus.serving.listening import (
    BACKLOG,
    DRAIN_SIGNAL,
    END_SIGNAL,
    bind,
    load_and_listen,
    refuse_connections,
    refuses_connections,
)

# Time for connections that the kernel has accepted: a proxy completes them and sends its request.
SETTLE_S = 1.0


def main() -> None:
    """Serve until a signal stops it."""
    arguments = _parse_arguments()
    # The soft limit is often 1,024: too few for as many connections and the other files.
    _, most_files = resource.getrlimit(resource.RLIMIT_NOFILE)
    resource.setrlimit(resource.RLIMIT_NOFILE, (most_files, most_files))
    if arguments.listener is None:
        listener = bind(arguments.host, arguments.port)
    else:
        listener = socket.socket(fileno=arguments.listener)
    if refuses_connections(listener):
        sys.exit("The socket accepts no more: its last server was told to stop.")
    # A process that is still starting would end by them; it inherits this.
    signal.signal(DRAIN_SIGNAL, signal.SIG_IGN)
    signal.signal(END_SIGNAL, signal.SIG_IGN)
    is_asgi = arguments.application.partition(":")[0].endswith("asgi")
    ListeningServer(
        listener,
        arguments.application,
        before_stop=partial(drain, listener, arguments.drain_s),
        interface=Interfaces.ASGI if is_asgi else Interfaces.WSGI,
        # An HTTP/2 body that breaks off leaves a thread of granian in an endless loop.
        http=HTTPModes.http1,
        websockets=False,
        workers=arguments.workers,
        blocking_threads=1 if is_asgi else arguments.threads,
        # Connections of all processes; further ones wait in the kernel.
        backlog=arguments.connections,
        respawn_failed_workers=True,
        workers_kill_timeout=arguments.stop_timeout_s,
        # Its warnings complain at each start that there are more threads than cores.
        log_level=LogLevels.error,
    ).serve(target_loader=partial(load_and_listen, listener))


def drain(listener: socket.socket, drain_s: float, list_pids: Callable[[], Iterable[int]]) -> None:
    """Let proxies turn away from this server, then refuse connections, and end event streams.

    granian stops within milliseconds. It would close an idle connection, or one that it has just
    accepted, while a proxy sends a request on it.
    """
    deadline = time.monotonic() + drain_s
    while time.monotonic() < deadline:
        # Repeated for processes that are still starting.
        _signal(DRAIN_SIGNAL, list_pids)
        time.sleep(0.1)
    if drain_s:
        refuse_connections(listener)
        time.sleep(SETTLE_S)
    _signal(END_SIGNAL, list_pids)


def _signal(number: int, list_pids: Callable[[], Iterable[int]]) -> None:
    for pid in list_pids():
        with suppress(ProcessLookupError):
            os.kill(pid, number)


def _parse_arguments() -> Namespace:
    parser = ArgumentParser(prog="python -m morpheus.serving")
    parser.add_argument("application", help="like morpheus.wsgi:application; ASGI for …asgi:…")
    parser.add_argument("--host", default="127.0.0.1")
    parser.add_argument("--port", type=int, default=8000)
    parser.add_argument("--listener", type=int, help="descriptor of a socket that listens there")
    parser.add_argument("--workers", type=int, default=1, help="server processes")
    parser.add_argument("--threads", type=int, default=16, help="of each process")
    parser.add_argument("--connections", type=int, default=BACKLOG, help="accepted at a time")
    parser.add_argument("--drain-s", type=float, default=0, help="still accept after SIGTERM")
    parser.add_argument("--stop-timeout-s", type=int, help="then for requests in flight")
    return parser.parse_args()


if __name__ == "__main__":
    main()
