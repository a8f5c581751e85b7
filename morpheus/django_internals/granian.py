"""Private parts of granian: how it opens its listening socket. Imports nothing of Django."""

from __future__ import annotations

import socket
from typing import Any

from granian._granian import SocketHolder
from granian.server.mp import MPServer


class ListeningServer(MPServer):
    """granian whose processes all accept from `listener`.

    The parent keeps the socket open, so connections wait in the kernel while a process starts. With
    sockets of their own, connections would be refused while a process is replaced. granian has no
    public way to pass a socket in, so this uses its private parts.
    """

    def __init__(self, listener: socket.socket, target: str, **options: Any) -> None:
        host, port = listener.getsockname()[:2]
        super().__init__(target, address=host, port=port, **options)
        self._listener = listener

    def _init_shared_socket(self) -> None:
        self._listener.set_inheritable(True)
        self._ssp = None
        self._sso = self._listener
        self._sfd = self._listener.fileno()  # type: ignore[assignment]
        self._shd = SocketHolder(self._sfd, False, self.backlog)  # type: ignore[call-arg, assignment]
