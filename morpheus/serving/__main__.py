"""`python -m morpheus.serving APPLICATION`: serve a WSGI application with granian.

Imports nothing of Django, so the parent of the server processes is small and starts them quickly.
"""

from __future__ import annotations

import resource
import socket
from argparse import ArgumentParser, Namespace

from granian.constants import HTTPModes, Interfaces
from granian.log import LogLevels

from morpheus.django_internals.granian import ListeningServer
from morpheus.serving.listening import BACKLOG, listen


def main() -> None:
    """Serve until a signal stops it."""
    arguments = _parse_arguments()
    # The soft limit is often 1,024: too few for as many connections and the other files.
    _, most_files = resource.getrlimit(resource.RLIMIT_NOFILE)
    resource.setrlimit(resource.RLIMIT_NOFILE, (most_files, most_files))
    if arguments.listener is None:
        listener = listen(arguments.host, arguments.port)
    else:
        listener = socket.socket(fileno=arguments.listener)
    ListeningServer(
        listener,
        arguments.application,
        interface=Interfaces.WSGI,
        # An HTTP/2 body that breaks off leaves a thread of granian in an endless loop.
        http=HTTPModes.http1,
        websockets=False,
        workers=arguments.workers,
        blocking_threads=arguments.threads,
        # Connections of all processes; further ones wait in the kernel.
        backlog=BACKLOG,
        respawn_failed_workers=True,
        # Its warnings complain at each start that there are more threads than cores.
        log_level=LogLevels.error,
    ).serve()


def _parse_arguments() -> Namespace:
    parser = ArgumentParser(prog="python -m morpheus.serving")
    parser.add_argument("application", help="like morpheus.wsgi:application")
    parser.add_argument("--host", default="127.0.0.1")
    parser.add_argument("--port", type=int, default=8000)
    parser.add_argument("--listener", type=int, help="descriptor of a socket that listens there")
    parser.add_argument("--workers", type=int, default=1, help="server processes")
    parser.add_argument("--threads", type=int, default=16, help="of each process")
    return parser.parse_args()


if __name__ == "__main__":
    main()
