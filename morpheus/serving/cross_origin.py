"""CORS: scripts of other origins may use the API, as `CORS_ALLOWED_ORIGINS` says.

In front of the response cache, because it adds to every response: to hits, 304s, refusals of the
bulkheads and Django's own. Stored responses never have the headers of an origin. A preflight
request reaches nothing behind this.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable
from functools import lru_cache
from time import perf_counter
from typing import Any

from corsheaders.middleware import CorsMiddleware
from django.http import HttpRequest, HttpResponse

from morpheus.tracing.events import publish_finished_request
from morpheus.tracing.request_trace import FinishedRequest, trace_request
from morpheus.tracing.routes import normalize_request_id, parse_traceparent, read_traceparent

Environ = dict[str, Any]
Headers = list[tuple[str, str]]
StartResponse = Callable[..., Any]
Application = Callable[[Environ, StartResponse], Iterable[bytes]]

_API = "/api/v1/"
_PREFLIGHT = "HTTP_ACCESS_CONTROL_REQUEST_METHOD"
# Those of a plain response: the headers of CORS are the others.
_PLAIN = frozenset({"content-type", "content-length", "vary"})


class CrossOrigin:
    """A WSGI application in front of another one.

    django-cors-headers decides: its middleware makes the headers for an origin, once.
    """

    def __init__(self, application: Application) -> None:
        self.application = application

    def __call__(self, environ: Environ, start_response: StartResponse) -> Iterable[bytes]:
        if not environ.get("PATH_INFO", "").startswith(_API):
            return self.application(environ, start_response)
        origin = environ.get("HTTP_ORIGIN", "")
        if environ["REQUEST_METHOD"] == "OPTIONS" and _PREFLIGHT in environ:
            return _respond_to_preflight(environ, start_response, origin)
        added = cors_headers(origin, "GET") if origin else ()

        def start(status: str, headers: Headers, *error: Any) -> Any:
            return start_response(status, [*_vary_by_origin(headers), *added], *error)

        return self.application(environ, start)


@lru_cache(maxsize=64)
def cors_headers(origin: str, method: str) -> tuple[tuple[str, str], ...]:
    """Return the headers of CORS of the response to a request; none for a refused origin.

    They depend on nothing else. A method but OPTIONS is like any other.
    """
    request = HttpRequest()
    request.method, request.path_info = method, _API
    request.META["HTTP_ORIGIN"] = origin
    response: Any = CorsMiddleware(lambda request: HttpResponse()).add_response_headers(
        request, HttpResponse()
    )
    return tuple(each for each in response.items() if each[0].lower() not in _PLAIN)


def _vary_by_origin(headers: Headers) -> Headers:
    """Return headers with `Origin` in `Vary`: a cache must not send one origin's to another."""
    varied = [(name, f"{text}, Origin") for name, text in headers if name == "Vary"]
    others = [each for each in headers if each[0] != "Vary"]
    return [*others, *(varied or [("Vary", "Origin")])]


def _respond_to_preflight(
    environ: Environ, start_response: StartResponse, origin: str
) -> list[bytes]:
    started = perf_counter()
    traceparent = read_traceparent(environ)
    request_id = normalize_request_id(environ.get("HTTP_X_REQUEST_ID", ""))
    with trace_request(parse_traceparent(traceparent)) as trace:
        headers = cors_headers(origin, "OPTIONS") if origin else ()
    start_response(
        "204 No Content",
        [
            ("Vary", "Origin, Access-Control-Request-Method, Access-Control-Request-Headers"),
            ("Server-Timing", 'db;desc="0 queries";dur=0, cache;desc="miss"'),
            ("X-Request-ID", request_id),
            *headers,
        ],
    )
    seconds = perf_counter() - started
    publish_finished_request(
        FinishedRequest(
            "OPTIONS preflight", 204, seconds, request_id, trace=trace, traceparent=traceparent
        )
    )
    return []
