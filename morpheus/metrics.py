"""`GET /metrics` for Prometheus; not for the public."""

from __future__ import annotations

import secrets

from django.conf import settings
from django.core.exceptions import PermissionDenied
from django.http import HttpRequest, HttpResponse
from django.views.decorators.http import require_safe
from django_prometheus.exports import ExportToDjangoView

from morpheus.clients import client_address


@require_safe
def metrics(request: HttpRequest) -> HttpResponse:
    """GET /metrics — for `METRICS_TOKEN`, or from loopback when none is set. Budget: 0 queries."""
    token = settings.METRICS_TOKEN
    if token:
        allowed = secrets.compare_digest(
            request.headers.get("Authorization", "").encode(), f"Bearer {token}".encode()
        )
    else:
        allowed = client_address(request) in ("127.0.0.1", "::1")
    if not allowed:
        raise PermissionDenied
    response: HttpResponse = ExportToDjangoView(request)
    return response
