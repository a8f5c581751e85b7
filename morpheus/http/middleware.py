"""Middleware of every request, and the short way of a read of the API."""

from __future__ import annotations

import time
from collections.abc import Callable, Iterator
from hashlib import sha256
from http import HTTPStatus
from types import SimpleNamespace
from typing import Any

from django.conf import settings
from django.core.exceptions import DisallowedHost, MiddlewareNotUsed
from django.http import HttpRequest, HttpResponse
from django.http.response import HttpResponseBase
from django.middleware.http import ConditionalGetMiddleware
from django.middleware.security import SecurityMiddleware
from django.template.response import SimpleTemplateResponse
from django.urls import ResolverMatch, get_resolver
from django.utils.functional import cached_property

from morpheus.cache.dependencies import DEPENDENCIES, Dependencies, record_dependencies
from morpheus.django_internals.django import (
    Headers,
    convert_exceptions,
    get_loaded_user,
    ignore_charset,
    set_default_headers,
    set_headers,
)
from morpheus.http.errors import respond, respond_to_exception
from morpheus.tracing.events import publish_finished_request
from morpheus.tracing.request_trace import (
    FinishedRequest,
    RequestTrace,
    current_trace,
    trace_request,
)
from morpheus.tracing.routes import (
    API_PREFIX,
    METHODS,
    ROUTE,
    normalize_request_id,
    parse_traceparent,
    read_traceparent,
    request_id,
    route_of,
)

_API = f"/{API_PREFIX}/"
_READS = frozenset({"GET", "HEAD"})
_PAGE = "text/html"
# Without one of these headers, a response is sent as it is.
_CONDITIONS = (
    "HTTP_IF_NONE_MATCH",
    "HTTP_IF_MATCH",
    "HTTP_IF_MODIFIED_SINCE",
    "HTTP_IF_UNMODIFIED_SINCE",
)

# Header with which staff ask for the trace of a request.
EXPLAIN = "HTTP_X_EXPLAIN"

# Spellings of allowed hosts that are compared once. A client can send one for each port.
_MAX_HOSTS = 100

# `Server-Timing` of a 404. Real figures would tell whether a private row exists: a write by its
# owner invalidates the negative cache entries of all other users.
_WITHHELD = 'db;desc="withheld";dur=0, cache;desc="withheld"'


class RequestMiddleware:
    """Outermost: `X-Request-ID` and `Server-Timing` on every response, 503 without PostgreSQL."""

    def __init__(self, get_response: Callable[[HttpRequest], HttpResponseBase]) -> None:
        self.get_response = get_response
        policy = ("Content-Security-Policy", settings.MORPHEUS_DATA_POLICY)
        self._of_data = {"content-security-policy": policy}

    def __call__(self, request: HttpRequest) -> HttpResponseBase:
        identifier = normalize_request_id(request.META.get("HTTP_X_REQUEST_ID", ""))
        token = request_id.set(identifier)
        traceparent = read_traceparent(request.META)
        ignore_charset(request)
        started = time.perf_counter()
        # Shadow verification computes a cached response again, inside a trace of its own.
        is_from_client = current_trace() is None
        try:
            with (
                trace_request(parse_traceparent(traceparent)) as trace,
                record_dependencies() as record,
            ):
                response = _refuse(request) or self.get_response(request)
        finally:
            request_id.reset(token)
        route = route_of(request)
        request.META |= {DEPENDENCIES: record, ROUTE: route}
        is_missing = response.status_code == HTTPStatus.NOT_FOUND
        timing = _WITHHELD if is_missing else _format_timing(trace, record)
        own = {
            "x-request-id": ("X-Request-ID", identifier),
            "server-timing": ("Server-Timing", timing),
        }
        # A 304 has no type: its policy would replace the one of the page that the browser has.
        if not response.get("Content-Type", _PAGE).startswith(_PAGE):
            own |= self._of_data
        set_headers(response, own)
        if is_from_client:
            user = get_loaded_user(request)
            is_explained = request.META.get(EXPLAIN) == "1" and getattr(user, "is_staff", False)
            publish_finished_request(
                FinishedRequest(
                    route,
                    response.status_code,
                    time.perf_counter() - started,
                    identifier,
                    getattr(user, "pk", None),
                    trace,
                    record.versions,
                    is_explained,
                    traceparent=traceparent,
                    # DRF's request sets `auth` on Django's, too.
                    token_id=getattr(getattr(request, "auth", None), "pk", None),
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
        return respond(
            "method_not_allowed", "Method not allowed.", Allow=", ".join(sorted(METHODS))
        )
    if "HTTP_TRANSFER_ENCODING" in request.META and not request.META.get("CONTENT_LENGTH"):
        # WSGI would take a chunked body for an empty one.
        detail = "Content-Length required. Chunked request bodies are not supported."
        return respond("length_required", detail)
    return None


class ETagMiddleware(ConditionalGetMiddleware):
    """`ETag` and 304 for HEAD too: the views render the whole response, and the server drops it.

    A 412 is a problem, and the response to a PATCH has an `ETag`.
    """

    def process_response(self, request: HttpRequest, response: Any) -> Any:
        if request.method == "PATCH" and response.status_code == HTTPStatus.OK:
            # It shows the new representation, so the client can go on with `If-Match`.
            set_headers(response, {"etag": ("ETag", compute_etag(response.content))})
        if request.method not in _READS or not getattr(response, "content", b""):
            return super().process_response(request, response)
        if not response.has_header("ETag") and self.needs_etag(response):
            set_headers(response, {"etag": ("ETag", compute_etag(response.content))})
        if not any(name in request.META for name in _CONDITIONS):
            return response
        method, request.method = request.method, "GET"
        try:
            matched: Any = super().process_response(request, response)
        finally:
            request.method = method
        if matched.status_code == HTTPStatus.PRECONDITION_FAILED and not matched.content:
            return respond("precondition_failed", "The representation has another ETag.")
        return matched

    def needs_etag(self, response: HttpResponseBase) -> bool:
        is_stored = "no-store" not in response.get("Cache-Control", "").lower()
        # Splitting the header takes longer than this search.
        return is_stored or super().needs_etag(response)


def compute_etag(content: bytes) -> str:
    """Return the strong `ETag` of a body."""
    # 128 bits, as Django's MD5 has: processors compute SHA-256 twice as fast.
    return f'"{sha256(content, usedforsecurity=False).hexdigest()[:32]}"'


class APIReadMiddleware:
    """The short way of a plain read of the API: from here to its view and back.

    The rest of `MIDDLEWARE` would add the same headers to the response, `ETag` included, and change
    nothing else. A request that it would treat otherwise passes it: one with another method, with a
    cookie, for an unknown host, or over HTTP where HTTPS is required.
    """

    def __init__(self, get_response: Callable[[HttpRequest], HttpResponseBase]) -> None:
        if settings.DISALLOWED_USER_AGENTS or settings.PREPEND_WWW:
            raise MiddlewareNotUsed("CommonMiddleware must see every request.")
        self.get_response = get_response
        self._call_view = convert_exceptions(_call_view)
        self._etags = ETagMiddleware(get_response)
        self._hosts: set[str] = set()
        self._needs_https = settings.SECURE_SSL_REDIRECT
        self._of_views = {"x-frame-options": ("X-Frame-Options", settings.X_FRAME_OPTIONS.upper())}
        security = SecurityMiddleware(get_response)
        self._of_all = {secure: _security_headers(security, secure) for secure in (False, True)}

    def __call__(self, request: HttpRequest) -> Any:
        is_secure = request.is_secure()
        if (self._needs_https and not is_secure) or not self._find_view(request):
            return self.get_response(request)
        response: Any = self._call_view(request)
        set_default_headers(response, self._of_views)
        if isinstance(response, HttpResponse):
            length = str(len(response.content))
            set_default_headers(response, {"content-length": ("Content-Length", length)})
        response = self._etags.process_response(request, response)
        set_default_headers(response, self._of_all[is_secure])
        return response

    def _find_view(self, request: HttpRequest) -> bool:
        """Resolve the URL of a plain read; tell whether it leads to a view of the API."""
        path = request.path_info
        if (
            request.method not in _READS
            or request.META.get("HTTP_COOKIE")
            or not path.startswith(_API)
        ):
            return False
        slash = "" if path.endswith("/") else "/"
        match = self._resolve(path[len(_API) :] + slash)
        if match is None or not getattr(match.func, "is_api_view", False):
            return False
        if not self._is_host_allowed(request):
            return False
        request.path_info += slash
        request.path += slash
        request.resolver_match = match
        return True

    def _is_host_allowed(self, request: HttpRequest) -> bool:
        host = request.META.get("HTTP_HOST")
        if host in self._hosts:
            return True
        try:
            request.get_host()
        except DisallowedHost:
            return False
        if host and not settings.USE_X_FORWARDED_HOST and len(self._hosts) < _MAX_HOSTS:
            self._hosts.add(host)
        return True

    def _resolve(self, path: str) -> ResolverMatch | None:
        """Resolve a path below the API's; Django's resolver would build three matches."""
        matches: Iterator[ResolverMatch | None] = (each.resolve(path) for each in self._patterns)
        match = next(filter(None, matches), None)
        if match is not None:
            match.route = f"{API_PREFIX}/{match.route}"
        return match

    @cached_property
    def _patterns(self) -> list[Any]:
        """The patterns below the API's prefix, which are one flat list."""
        roots: list[Any] = get_resolver().url_patterns
        return next((each.url_patterns for each in roots if str(each.pattern) == _API[1:]), [])


def _call_view(request: HttpRequest) -> HttpResponseBase:
    """Call the view that a request is resolved to, and render its response, as Django does."""
    match: Any = request.resolver_match
    try:
        response: HttpResponseBase = match.func(request, *match.args, **match.kwargs)
        return response.render() if isinstance(response, SimpleTemplateResponse) else response
    except Exception as error:
        if (problem := respond_to_exception(request, error)) is not None:
            return problem
        raise


def _security_headers(middleware: SecurityMiddleware, is_secure: bool) -> Headers:
    """Return the headers that Django's middleware sets, over HTTPS or over HTTP."""
    request: Any = SimpleNamespace(is_secure=lambda: is_secure)
    response = middleware.process_response(request, HttpResponse())
    return {name.lower(): (name, text) for name, text in response.items() if name != "Content-Type"}
