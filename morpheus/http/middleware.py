"""What every request gets: an id, a measurement of its queries, and bounded methods and errors."""

from __future__ import annotations

import time
from collections.abc import Callable
from functools import cache
from http import HTTPStatus
from typing import Any

from django.conf import settings
from django.contrib.messages.middleware import MessageMiddleware
from django.db import InterfaceError, OperationalError, connection
from django.http import HttpRequest, HttpResponse, UnreadablePostError
from django.http.response import HttpResponseBase
from django.middleware.common import CommonMiddleware
from django.middleware.http import ConditionalGetMiddleware
from django_prometheus.middleware import PrometheusAfterMiddleware

from morpheus.cache.dependencies import DEPENDENCIES, Dependencies, record_dependencies
from morpheus.django_internals.django import ignore_charset
from morpheus.http.errors import (
    body_incomplete,
    length_required,
    method_not_allowed,
    service_unavailable,
)
from morpheus.tracing.events import publish_finished_request
from morpheus.tracing.request_trace import (
    FinishedRequest,
    RequestTrace,
    current_trace,
    trace_request,
)
from morpheus.tracing.routes import METHODS, ROUTE, normalize_request_id, request_id, route_of

# `data:` are the icons in the style sheets of Django's admin and of Swagger UI.
CONTENT_SECURITY_POLICY = "; ".join(
    (
        "default-src 'none'",
        "script-src 'self'",
        "style-src 'self'",
        "img-src 'self' data:",
        "connect-src 'self'",
        "object-src 'none'",
        "form-action 'self'",
        "base-uri 'none'",
        "frame-ancestors 'none'",
    )
)

# They come from inside, by whatever address, so ALLOWED_HOSTS does not hold for them.
_PROBES = frozenset({"/healthz", "/readyz", "/metrics"})

# Of a 404. Its own would tell whether a private row was looked up or changed lately: a write of its
# owner invalidates what is cached of its absence for all others.
_WITHHELD = 'db;desc="withheld";dur=0, cache;desc="withheld"'


class RequestMiddleware:
    """Outermost: `X-Request-ID` and `Server-Timing` on every answer, 503 without PostgreSQL."""

    def __init__(self, get_response: Callable[[HttpRequest], HttpResponseBase]) -> None:
        self.get_response = get_response

    def __call__(self, request: HttpRequest) -> HttpResponseBase:
        identifier = normalize_request_id(request.headers.get("X-Request-ID", ""))
        token = request_id.set(identifier)
        ignore_charset(request)
        started = time.perf_counter()
        # Else an answer is computed again, to compare it with one that was kept; nobody asked.
        is_asked_for = current_trace() is None
        try:
            with trace_request() as trace, record_dependencies() as record:
                with connection.execute_wrapper(record.observe_statement):
                    response = _refused(request) or self.get_response(request)
        finally:
            request_id.reset(token)
        route = route_of(request)
        request.META |= {DEPENDENCIES: record, ROUTE: route}
        response["X-Request-ID"] = identifier
        is_absent = response.status_code == HTTPStatus.NOT_FOUND
        response["Server-Timing"] = _WITHHELD if is_absent else _timing(trace, record)
        if is_asked_for:
            seconds = time.perf_counter() - started
            publish_finished_request(
                FinishedRequest(route, response.status_code, seconds, identifier, trace, request)
            )
        return response

    def process_exception(self, request: HttpRequest, exception: Exception) -> HttpResponse | None:
        """Answer for a lost database or a broken-off body; everything else goes its usual way."""
        if isinstance(exception, OperationalError | InterfaceError):
            return service_unavailable(request, exception)
        if isinstance(exception, UnreadablePostError):
            return body_incomplete(exception)
        return None


def _timing(trace: RequestTrace, record: Dependencies) -> str:
    where = f", {trace.replica_queries} on the replica" if trace.replica_queries else ""
    cached = "hit" if record.hits and not record.misses else "miss"
    return (
        f'db;desc="{trace.queries} queries{where}";dur={trace.seconds * 1000:.2f}, '
        f'cache;desc="{cached}"'
    )


def _refused(request: HttpRequest) -> HttpResponse | None:
    if request.method not in METHODS:
        return method_not_allowed(sorted(METHODS))
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


class PageMessagesMiddleware(MessageMiddleware):
    """Messages to people who look at pages; programs that use the API have none."""

    def process_request(self, request: HttpRequest) -> None:
        if not request.path_info.startswith("/api/"):
            super().process_request(request)


class ContentSecurityPolicyMiddleware:
    """A Content-Security-Policy on every page, whichever view or error it is of.

    A page loads scripts, styles and pictures of this server only, and runs and applies none that is
    written into it. JSON needs no policy, so the API's responses are as long as without.
    """

    def __init__(self, get_response: Callable[[HttpRequest], HttpResponseBase]) -> None:
        self.get_response = get_response

    def __call__(self, request: HttpRequest) -> HttpResponseBase:
        response = self.get_response(request)
        is_page = response.get("Content-Type", "").startswith("text/html")
        # Django's pages for developers have their style and script in them.
        is_for_developers = settings.DEBUG and response.status_code in (404, 500)
        if is_page and not is_for_developers:
            response.headers.setdefault("Content-Security-Policy", CONTENT_SECURITY_POLICY)
        return response


class RequestCountersMiddleware(PrometheusAfterMiddleware):  # type: ignore[misc] # has no types
    """django-prometheus', but a counter is looked up by its labels once."""

    def label_metric(
        self, metric: Any, request: HttpRequest, response: Any = None, **labels: str
    ) -> Any:
        return _child(metric, *labels.items()) if labels else metric


@cache
def _child(metric: Any, *labels: tuple[str, str]) -> Any:
    # As many as there are in the metric itself.
    return metric.labels(**dict(labels))


class TrailingSlashMiddleware(CommonMiddleware):
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
