"""The first page: a verdict per check."""

from __future__ import annotations

from django.http import HttpRequest, HttpResponse
from django.views.decorators.http import require_safe

from perf.monitoring.dashboard.checks import checks
from perf.monitoring.dashboard.metrics import samples
from perf.monitoring.dashboard.rendering import OVERVIEW, page
from perf.monitoring.dashboard.verdicts import run, summary


@require_safe
def overview(request: HttpRequest) -> HttpResponse:
    """GET /admin/perf/ — a sentence per check. Budget: 300 ms, one statement per check at most."""
    checked = run(checks(samples()))
    return page(request, OVERVIEW, {"checked": checked, "summary": summary(checked)})
