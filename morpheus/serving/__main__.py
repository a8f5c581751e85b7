"""`python -m morpheus.serving APPLICATION`: serve a WSGI application with granian.

Imports nothing of Django: the parent of the server processes stays small, and starts them quickly.
"""

from __future__ import annotations

import resource
import socket
from argparse import ArgumentParser, Namespace

from granian.constants import HTTPModes, Interfaces
from granian.log import LogLevels

from morpheus.serving.granian_server import ListeningServer
from morpheus.serving.listening import BACKLOG, listen


def main() -> None:
    """Serve until a signal stops it."""
    given = _arguments()
    # Often 1,024 unless asked for more: no more connections than that, and no files beside them.
    _, most_files = resource.getrlimit(resource.RLIMIT_NOFILE)
    resource.setrlimit(resource.RLIMIT_NOFILE, (most_files, most_files))
    if given.listener is None:
        listener = listen(given.host, given.port)
    else:
        listener = socket.socket(fileno=given.listener)
    ListeningServer(
        listener,
        given.application,
        interface=Interfaces.WSGI,
        # A broken-off HTTP/2 body leaves a thread of granian spinning for ever.
        http=HTTPModes.http1,
        websockets=False,
        workers=given.workers,
        blocking_threads=given.threads,
        # Connections of all processes; the next ones wait in the kernel.
        backlog=BACKLOG,
        respawn_failed_workers=True,
        # As a warning it says at each start that threads outnumber cores, as they are meant to.
        log_level=LogLevels.error,
    ).serve()


def _arguments() -> Namespace:
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
