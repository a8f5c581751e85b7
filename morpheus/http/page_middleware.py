"""Middleware of pages, and of all other requests that are no plain reads of the API."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from django.conf import settings
from django.contrib.messages.middleware import MessageMiddleware
from django.http import HttpRequest
from django.http.response import HttpResponseBase
from django.middleware.common import CommonMiddleware

# `data:` is for the icons in the style sheets of Django's admin and of Swagger UI.
CONTENT_SECURITY_POLICY = (
    "default-src 'none'; script-src 'self'; style-src 'self'; img-src 'self' data:; "
    "connect-src 'self'; object-src 'none'; form-action 'self'; base-uri 'none'; "
    "frame-ancestors 'none'"
)

# Probes address a server by its IP, so ALLOWED_HOSTS does not hold for them.
_PROBES = frozenset({"/healthz", "/readyz", "/metrics"})


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
