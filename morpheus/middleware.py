"""What every request gets: an id, a measurement of its queries, and bounded methods and errors."""

from __future__ import annotations

import time
from collections.abc import Callable
from typing import Any

from django.db import InterfaceError, OperationalError, connection
from django.http import HttpRequest, HttpResponse
from django.http.response import HttpResponseBase
from django.middleware.common import CommonMiddleware
from django.middleware.http import ConditionalGetMiddleware

from morpheus.cache.recording import RECORDING, recording
from morpheus.db.wal import REPLICA
from morpheus.errors import length_required, method_not_allowed, service_unavailable
from morpheus.request_id import request_id, request_id_of

# Labels of metrics and logs are bounded by what is let through here.
_METHODS = frozenset({"GET", "HEAD", "OPTIONS", "POST", "PUT", "PATCH", "DELETE"})

# They come from inside, by whatever address, so ALLOWED_HOSTS does not hold for them.
_PROBES = frozenset({"/healthz", "/readyz", "/metrics"})


class QueryClock:
    """Counts the statements of one request and the milliseconds that they took."""

    def __init__(self) -> None:
        self.count = 0
        self.on_replica = 0
        self.ms = 0.0

    def __call__(
        self,
        execute: Callable[..., Any],
        sql: str,
        params: Any,
        many: bool,
        context: dict[str, Any],
    ) -> Any:
        start = time.perf_counter()
        try:
            return execute(sql, params, many, context)
        finally:
            self.count += 1
            self.on_replica += context["connection"].alias == REPLICA
            self.ms += (time.perf_counter() - start) * 1000


class RequestMiddleware:
    """Outermost: `X-Request-ID` and `Server-Timing` on every answer, 503 without PostgreSQL."""

    def __init__(self, get_response: Callable[[HttpRequest], HttpResponseBase]) -> None:
        self.get_response = get_response

    def __call__(self, request: HttpRequest) -> HttpResponseBase:
        identifier = request_id_of(request.headers.get("X-Request-ID", ""))
        token = request_id.set(identifier)
        # Everything here is UTF-8. A client's `charset` may name any codec of Python, even a
        # compression, and Django would decode the query string by it. Not by the setter: it reads
        # the query string, and one that is refused here would be answered without an id.
        request._encoding = None  # type: ignore[attr-defined] # the stubs know the setter alone
        clock = QueryClock()
        try:
            with recording() as record, connection.execute_wrapper(clock):
                with connection.execute_wrapper(record.observe):
                    response = _refused(request) or self.get_response(request)
        finally:
            request_id.reset(token)
        request.META[RECORDING] = record
        response["X-Request-ID"] = identifier
        where = f", {clock.on_replica} on the replica" if clock.on_replica else ""
        cached = "hit" if record.hits and not record.misses else "miss"
        response["Server-Timing"] = (
            f'db;desc="{clock.count} queries{where}";dur={clock.ms:.2f}, cache;desc="{cached}"'
        )
        return response

    def process_exception(self, request: HttpRequest, exception: Exception) -> HttpResponse | None:
        """Answer 503 where the database is out of reach; everything else goes its usual way."""
        if isinstance(exception, OperationalError | InterfaceError):
            return service_unavailable(request, exception)
        return None


def _refused(request: HttpRequest) -> HttpResponse | None:
    if request.method not in _METHODS:
        return method_not_allowed(sorted(_METHODS))
    if "Transfer-Encoding" in request.headers and not request.headers.get("Content-Length"):
        return length_required()
    return None


class ETagMiddleware(ConditionalGetMiddleware):
    """`ETag` and 304 for HEAD, too: our views make the whole answer, and the server cuts it off."""

    def process_response(self, request: HttpRequest, response: HttpResponseBase) -> Any:
        if request.method != "HEAD" or not getattr(response, "content", b""):
            return super().process_response(request, response)
        request.method = "GET"
        try:
            return super().process_response(request, response)
        finally:
            request.method = "HEAD"


class SlashMiddleware(CommonMiddleware):
    """Both forms of a GET work: the API answers at once, the rest is redirected.

    Nothing else is redirected, because a redirected POST arrives as a GET without its body.
    """

    def process_request(self, request: HttpRequest) -> Any:
        if request.path_info in _PROBES:
            return None
        if (
            request.method in ("GET", "HEAD")
            and request.path_info.startswith("/api/")
            and not request.path_info.endswith("/")
        ):
            request.path_info += "/"
            request.path += "/"
        return super().process_request(request)

    def should_redirect_with_slash(self, request: HttpRequest) -> bool:
        if request.method not in ("GET", "HEAD"):
            return False
        return super().should_redirect_with_slash(request)
