"""`GET /metrics` of a worker: the page of a server, with the same check of the caller."""

from __future__ import annotations

import threading
from collections.abc import Iterable
from socketserver import ThreadingMixIn
from typing import Any
from wsgiref.simple_server import WSGIRequestHandler, WSGIServer, make_server
from wsgiref.types import StartResponse, WSGIEnvironment

from django.core.wsgi import get_wsgi_application

# After which a silent client is disconnected.
TIMEOUT_S = 10


def serve_metrics(host: str, port: int) -> int:
    """Serve the page from now on, in threads of this process; return the port.

    Args:
        port: 0 for any free one.

    Raises:
        OSError: The address cannot be used.
    """
    application = get_wsgi_application()

    def respond(environ: WSGIEnvironment, start_response: StartResponse) -> Iterable[bytes]:
        if environ["PATH_INFO"] == "/metrics":
            return application(environ, start_response)
        start_response("404 Not Found", [("Content-Type", "text/plain")])
        return [b"A worker serves /metrics alone.\n"]

    server = make_server(host, port, respond, server_class=_Server, handler_class=_Handler)
    threading.Thread(target=server.serve_forever, name="metrics", daemon=True).start()
    return server.server_port


class _Server(ThreadingMixIn, WSGIServer):
    daemon_threads = True


class _Handler(WSGIRequestHandler):
    timeout = TIMEOUT_S

    def log_message(self, format: str, *args: Any) -> None:
        """Nothing: Django logs the request."""
