"""A WSGI application that does nothing: `GET /1234` returns 1,234 constant bytes."""

from __future__ import annotations

from collections.abc import Callable, Iterable
from typing import Any

CONSTANT_BYTES = "tests.constant_bytes:application"


def application(environ: dict[str, Any], start_response: Callable[..., Any]) -> Iterable[bytes]:
    """Return as many bytes as the path says."""
    body = b"x" * int(environ["PATH_INFO"].strip("/") or 0)
    headers = [("Content-Type", "application/json"), ("Content-Length", str(len(body)))]
    start_response("200 OK", headers)
    return [body]
