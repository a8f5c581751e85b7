"""The names of a request in metrics, budgets and logs: its route and its id, both bounded."""

from __future__ import annotations

import re
import uuid
from contextvars import ContextVar
from functools import lru_cache

from django.http import HttpRequest

API_PREFIX = "api/v1"

# Where the environment of a request holds its route, when it has been answered.
ROUTE = "morpheus.route"

# What no URL of ours matches; static files, too.
UNMATCHED = "unmatched"

_PARAMETER = re.compile(r"<(?:\w+:)?(\w+)>")
# Only such an id from a proxy is safe in a log line and in a header.
_SAFE_ID = re.compile(r"[A-Za-z0-9._-]{8,64}")
# Labels of metrics and logs are bounded by these: the middleware refuses any other.
METHODS = frozenset({"GET", "HEAD", "OPTIONS", "POST", "PUT", "PATCH", "DELETE"})


# The current request's id, for log lines and responses.
request_id: ContextVar[str] = ContextVar("request_id", default="-")


def normalize_request_id(header: str) -> str:
    """Return the id that a proxy gave the request if it is safe, else a new one."""
    return header if _SAFE_ID.fullmatch(header) else uuid.uuid4().hex


def route_of(request: HttpRequest) -> str:
    """Return the method and the route as the documentation writes it: `GET /novels/{novel_id}/`.

    Routes of the API are without their prefix; an unknown method is `?`.
    """
    method = request.method if request.method in METHODS else "?"
    match = request.resolver_match
    return f"{method} {_path(match.route)}" if match else f"{method} {UNMATCHED}"


@lru_cache(maxsize=1024)
def _path(route: str) -> str:
    path = _PARAMETER.sub(r"{\1}", route)
    return path.removeprefix(API_PREFIX) if path.startswith(f"{API_PREFIX}/") else f"/{path}"
