"""The names of a request in metrics, budgets and logs: its route and its id, both bounded."""

from __future__ import annotations

import os
import re
from contextvars import ContextVar
from functools import lru_cache
from random import Random

from django.http import HttpRequest

API_PREFIX = "api/v1"

# Key of the WSGI environment that holds a finished request's route.
ROUTE = "morpheus.route"

# Requests that match no URL pattern, and static files.
UNMATCHED = "unmatched"

_PARAMETER = re.compile(r"<(?:\w+:)?(\w+)>")
# An id of this form from a proxy is safe in log lines and headers.
_SAFE_ID = re.compile(r"[A-Za-z0-9._-]{8,64}")
# The middleware refuses other methods, so labels of metrics are bounded.
METHODS = frozenset({"GET", "HEAD", "OPTIONS", "POST", "PUT", "PATCH", "DELETE"})

# The current request's id, for log lines and responses.
request_id: ContextVar[str] = ContextVar("request_id", default="-")


# Ids must be unique, not secret. This generator calls the system once in each process.
_random = Random()  # noqa: S311
os.register_at_fork(after_in_child=_random.seed)


def normalize_request_id(header: str) -> str:
    """Return the request id of a proxy if it is safe, else a new one."""
    return header if header and _SAFE_ID.fullmatch(header) else _random.randbytes(16).hex()


def route_of(request: HttpRequest) -> str:
    """Return method and route in the form of the documentation: `GET /novels/{novel_id}/`.

    API routes have no prefix. An unknown method is `?`.
    """
    method = request.method if request.method in METHODS else "?"
    match = request.resolver_match
    return f"{method} {_path(match.route)}" if match else f"{method} {UNMATCHED}"


@lru_cache(maxsize=1024)
def _path(route: str) -> str:
    path = _PARAMETER.sub(r"{\1}", route)
    return path.removeprefix(API_PREFIX) if path.startswith(f"{API_PREFIX}/") else f"/{path}"
