"""A WSGI application that does nothing: `GET /1234` is answered by 1,234 constant bytes."""

from __future__ import annotations

from collections.abc import Callable, Iterable
from functools import lru_cache
from typing import Any


def application(environ: dict[str, Any], start_response: Callable[..., Any]) -> Iterable[bytes]:
    """Answer with as many bytes as the path says."""
    body = _body(int(environ["PATH_INFO"].strip("/") or 0))
    headers = [("Content-Type", "application/json"), ("Content-Length", str(len(body)))]
    start_response("200 OK", headers)
    return [body]


@lru_cache(maxsize=16)
def _body(size: int) -> bytes:
    return b"x" * size
