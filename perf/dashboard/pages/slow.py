"""Slow queries as they were recorded, with their plans."""

from __future__ import annotations

from django.http import HttpRequest, HttpResponse
from django.views.decorators.http import require_safe

from perf.dashboard.rendering import page


@require_safe
def slow(request: HttpRequest) -> HttpResponse:
    """GET /admin/perf/slow/ — what took too long."""
    return page(request, "perf_slow", {})
