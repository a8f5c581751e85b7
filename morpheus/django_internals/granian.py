"""Private parts of granian: its listening socket and its stop. Imports nothing of Django."""

from __future__ import annotations

import os
import signal
import socket
from collections.abc import Callable, Iterable
from contextlib import suppress
from multiprocessing.connection import wait
from threading import Thread
from typing import Any

from granian._granian import SocketHolder
from granian.server.mp import MPServer

# The signal that stops a process is repeated so often.
REPEAT_S = 1.0


class ListeningServer(MPServer):
    """granian whose processes all accept from `listener`.

    The parent keeps the socket open, so connections wait in the kernel while a process starts. With
    sockets of their own, connections would be refused while a process is replaced. granian has no
    public way to pass a socket in, nor to do something before it stops, so this uses its private
    parts.

    Args:
        before_stop: Called on SIGTERM, with a function that lists the pids of the processes.
    """

    def __init__(
        self,
        listener: socket.socket,
        target: str,
        *,
        before_stop: Callable[[Callable[[], Iterable[int]]], None],
        **options: Any,
    ) -> None:
        host, port = listener.getsockname()[:2]
        super().__init__(target, address=host, port=port, **options)
        self._listener = listener
        self._before_stop = before_stop

    def shutdown(self, exit_code: int = 0) -> None:
        """Stop the processes."""
        if self.interrupt_signal:
            self._before_stop(self._list_pids)
        Thread(target=_repeat_stop, args=[[each.inner for each in self.wrks]], daemon=True).start()
        super().shutdown(exit_code)  # type: ignore[no-untyped-call]

    def _list_pids(self) -> list[int]:
        processes = [each.inner for each in self.wrks]
        return [each.pid for each in processes if each.is_alive()]

    def _init_shared_socket(self) -> None:
        self._listener.set_inheritable(True)
        self._ssp = None
        self._sso = self._listener
        self._sfd = self._listener.fileno()  # type: ignore[assignment]
        self._shd = SocketHolder(self._sfd, False, self.backlog)  # type: ignore[call-arg, assignment]


def _repeat_stop(processes: list[Any]) -> None:
    """Send SIGTERM again and again until each of the processes has ended.

    An event loop learns of a signal by a byte in a socket pair, as it does of each callback from
    another thread. Some 280 callbacks at once fill it, so the signal is lost.
    """
    running = {each.sentinel: each.pid for each in processes}
    while running:
        for ended in wait(list(running), REPEAT_S):
            del running[ended]
        for pid in running.values():
            with suppress(ProcessLookupError):
                os.kill(pid, signal.SIGTERM)
