"""Middleware of pages, and of all other requests that are no plain reads of the API."""

from __future__ import annotations

from typing import Any

from csp.middleware import CSPMiddleware
from django.contrib.messages.middleware import MessageMiddleware
from django.http import HttpRequest
from django.http.response import HttpResponseBase
from django.middleware.common import CommonMiddleware

# Probes address a server by its IP, so ALLOWED_HOSTS does not hold for them.
_PROBES = frozenset({"/healthz", "/readyz", "/metrics"})


class PageMessagesMiddleware(MessageMiddleware):
    """Django's messages for pages; the API has none."""

    def process_request(self, request: HttpRequest) -> None:
        if not request.path_info.startswith("/api/"):
            super().process_request(request)


class PagePolicyMiddleware(CSPMiddleware):
    """django-csp for pages; `RequestMiddleware` sets the policy of all other responses."""

    def process_response(
        self, request: HttpRequest, response: HttpResponseBase
    ) -> HttpResponseBase:
        if not response.get("Content-Type", "").startswith("text/html"):
            return response
        return super().process_response(request, response)


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
