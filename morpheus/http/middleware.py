"""Django's and Morpheus' middleware: request id, trace, bounded methods and pages."""

from __future__ import annotations

import time
from collections.abc import Callable
from http import HTTPStatus
from typing import Any

from django.conf import settings
from django.contrib.messages.middleware import MessageMiddleware
from django.db import connection
from django.http import HttpRequest, HttpResponse
from django.http.response import HttpResponseBase
from django.middleware.common import CommonMiddleware
from django.middleware.http import ConditionalGetMiddleware
from django.template.response import SimpleTemplateResponse
from django.urls import Resolver404, ResolverMatch, resolve

from morpheus.cache.dependencies import DEPENDENCIES, Dependencies, record_dependencies
from morpheus.django_internals.django import ignore_charset
from morpheus.http.errors import respond, respond_to_exception
from morpheus.tracing.events import publish_finished_request
from morpheus.tracing.request_trace import (
    RequestTrace,
    current_trace,
    describe_request,
    trace_request,
)
from morpheus.tracing.routes import (
    API_PREFIX,
    METHODS,
    ROUTE,
    normalize_request_id,
    request_id,
    route_of,
)

# `data:` is for the icons in the style sheets of Django's admin and of Swagger UI.
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

# Probes address a server by its IP, so ALLOWED_HOSTS does not hold for them.
_PROBES = frozenset({"/healthz", "/readyz", "/metrics"})

_API = f"/{API_PREFIX}/"
_READS = frozenset({"GET", "HEAD"})

# `Server-Timing` of a 404. Real figures would tell whether a private row exists: a write by its
# owner invalidates the negative cache entries of all other users.
_WITHHELD = 'db;desc="withheld";dur=0, cache;desc="withheld"'


class RequestMiddleware:
    """Outermost: `X-Request-ID` and `Server-Timing` on every response, 503 without PostgreSQL."""

    def __init__(self, get_response: Callable[[HttpRequest], HttpResponseBase]) -> None:
        self.get_response = get_response

    def __call__(self, request: HttpRequest) -> HttpResponseBase:
        identifier = normalize_request_id(request.headers.get("X-Request-ID", ""))
        token = request_id.set(identifier)
        ignore_charset(request)
        started = time.perf_counter()
        # Shadow verification computes a cached response again, inside a trace of its own.
        is_from_client = current_trace() is None
        try:
            with trace_request() as trace, record_dependencies() as record:
                with connection.execute_wrapper(record.observe_statement):
                    response = _refuse(request) or self.get_response(request)
        finally:
            request_id.reset(token)
        route = route_of(request)
        request.META |= {DEPENDENCIES: record, ROUTE: route}
        response["X-Request-ID"] = identifier
        is_missing = response.status_code == HTTPStatus.NOT_FOUND
        response["Server-Timing"] = _WITHHELD if is_missing else _format_timing(trace, record)
        if is_from_client:
            seconds = time.perf_counter() - started
            status = response.status_code
            publish_finished_request(
                describe_request(
                    request, route, status, seconds, identifier, trace, record.versions
                )
            )
        return response

    def process_exception(self, request: HttpRequest, exception: Exception) -> HttpResponse | None:
        return respond_to_exception(request, exception)


def _format_timing(trace: RequestTrace, record: Dependencies) -> str:
    where = f", {trace.replica_queries} on the replica" if trace.replica_queries else ""
    cached = "hit" if record.hits and not record.misses else "miss"
    return (
        f'db;desc="{trace.queries} queries{where}";dur={trace.seconds * 1000:.2f}, '
        f'cache;desc="{cached}"'
    )


def _refuse(request: HttpRequest) -> HttpResponse | None:
    if request.method not in METHODS:
        return respond(405, "Method not allowed.", Allow=", ".join(sorted(METHODS)))
    if "Transfer-Encoding" in request.headers and not request.headers.get("Content-Length"):
        # WSGI would take a chunked body for an empty one.
        return respond(411, "Content-Length required. Chunked request bodies are not supported.")
    return None


class ETagMiddleware(ConditionalGetMiddleware):
    """`ETag` and 304 for HEAD too: the views render the whole response, and the server drops it."""

    def process_response(self, request: HttpRequest, response: HttpResponseBase) -> Any:
        if request.method != "HEAD" or not getattr(response, "content", b""):
            return super().process_response(request, response)
        request.method = "GET"
        try:
            return super().process_response(request, response)
        finally:
            request.method = "HEAD"


class APIReadMiddleware:
    """Sends a read of the API without a cookie to its view, past what only others need.

    That is the rest of `MIDDLEWARE`: sessions, CSRF tokens, messages and the policy of pages. They
    do not change the response to such a read.
    """

    def __init__(self, get_response: Callable[[HttpRequest], HttpResponseBase]) -> None:
        self.get_response = get_response

    def __call__(self, request: HttpRequest) -> HttpResponseBase:
        is_read = request.method in _READS and not request.META.get("HTTP_COOKIE")
        match = _find_api_view(request.path_info) if is_read else None
        if match is None:
            return self.get_response(request)
        request.resolver_match = match
        try:
            response: HttpResponseBase = match.func(request, *match.args, **match.kwargs)
            return response.render() if isinstance(response, SimpleTemplateResponse) else response
        except Exception as error:
            if (problem := respond_to_exception(request, error)) is not None:
                return problem
            raise


def _find_api_view(path: str) -> ResolverMatch | None:
    """Return the view of the API that a path leads to; None for any other path."""
    if not path.startswith(_API):
        return None
    try:
        match = resolve(path)
    except Resolver404:
        return None
    return match if getattr(match.func, "is_api_view", False) else None


class PageMessagesMiddleware(MessageMiddleware):
    """Django's messages for pages; the API has none."""

    def process_request(self, request: HttpRequest) -> None:
        if not request.path_info.startswith("/api/"):
            super().process_request(request)


class ContentSecurityPolicyMiddleware:
    """A Content-Security-Policy on every page, error pages included.

    A page loads scripts, styles and images from this server only, and inline ones have no effect.
    JSON needs no policy, so the API's responses do not grow.
    """

    def __init__(self, get_response: Callable[[HttpRequest], HttpResponseBase]) -> None:
        self.get_response = get_response

    def __call__(self, request: HttpRequest) -> HttpResponseBase:
        response = self.get_response(request)
        is_page = response.get("Content-Type", "").startswith("text/html")
        # Django's debug pages have inline styles and scripts.
        is_for_developers = settings.DEBUG and response.status_code in (404, 500)
        if is_page and not is_for_developers:
            response.headers.setdefault("Content-Security-Policy", CONTENT_SECURITY_POLICY)
        return response


class TrailingSlashMiddleware(CommonMiddleware):
    """Accept a GET without its trailing slash: the API responds at once, pages redirect.

    Other methods are not redirected: a redirected POST arrives as a GET without its body.
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
