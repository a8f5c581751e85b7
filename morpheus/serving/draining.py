"""A server process that is about to stop: it serves on, and proxies turn away from it."""

from __future__ import annotations

import signal
import threading
from collections.abc import Callable, Iterable
from typing import Any

from morpheus.http.health import STOPPING
from morpheus.serving.listening import DRAIN_SIGNAL

Environ = dict[str, Any]
StartResponse = Callable[..., Any]


class Draining:
    """A WSGI application in front of another one.

    From `DRAIN_SIGNAL` on, `/readyz` fails and each response closes its connection. So no proxy
    sends the next request on a connection that the server is about to close.
    """

    def __init__(self, application: Callable[[Environ, StartResponse], Iterable[bytes]]) -> None:
        self.application = application
        self._is_draining = False

    def start(self) -> None:
        """Wait for the signal; threads other than the main one cannot."""
        if threading.current_thread() is threading.main_thread():
            signal.signal(DRAIN_SIGNAL, self.drain)

    def drain(self, *_: object) -> None:
        """Turn proxies away from now on."""
        self._is_draining = True

    def __call__(self, environ: Environ, start_response: StartResponse) -> Iterable[bytes]:
        if not self._is_draining:
            return self.application(environ, start_response)

        def start(status: str, headers: list[tuple[str, str]], *error: Any) -> Any:
            return start_response(status, [*headers, ("Connection", "close")], *error)

        environ[STOPPING] = True
        return self.application(environ, start)
