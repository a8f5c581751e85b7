"""The names of a request in metrics, budgets and logs: its route and its ids, all bounded."""

from __future__ import annotations

import os
import re
from collections.abc import Mapping
from contextvars import ContextVar
from functools import lru_cache
from random import Random
from typing import NamedTuple

from django.http import HttpRequest

API_PREFIX = "api/v1"

# Key of the WSGI environment that holds a finished request's route.
ROUTE = "morpheus.route"

# Requests that match no URL pattern, and static files.
UNMATCHED = "unmatched"

_PARAMETER = re.compile(r"<(?:\w+:)?(\w+)>")
# An id of this form from a proxy is safe in log lines and headers.
_SAFE_ID = re.compile(r"[A-Za-z0-9._-]{8,64}")
# W3C Trace Context: version, trace, span, flags. Ids of zeros are invalid, and so is version ff.
_TRACEPARENT = re.compile(
    r"(?!ff)([0-9a-f]{2})-(?!0+-)([0-9a-f]{32})-(?!0+-)([0-9a-f]{16})-([0-9a-f]{2})(-?)"
)
_SAMPLED = 0x01
# Later versions may add parts, of which only the beginning matters.
_TRACEPARENT_CHARS = 56

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


class TraceParent(NamedTuple):
    """The caller's place in a distributed trace: its header `traceparent`.

    Attributes:
        is_sampled: Whether the caller may record the trace.
    """

    trace_id: str
    span_id: str
    is_sampled: bool


def read_traceparent(environ: Mapping[str, str]) -> str:
    """Return the part of a request's `traceparent` that `parse_traceparent` needs."""
    return environ.get("HTTP_TRACEPARENT", "")[:_TRACEPARENT_CHARS]


def parse_traceparent(header: str) -> TraceParent | None:
    """Return the content of a `traceparent`; None without one, or for a malformed one."""
    if not header or (match := _TRACEPARENT.fullmatch(header)) is None:
        return None
    version, trace_id, span_id, flags, more = match.groups()
    if version == "00" and more:
        return None
    return TraceParent(trace_id, span_id, bool(int(flags, 16) & _SAMPLED))


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
