"""What all pages have in common: the admin's frame and the tabs."""

from __future__ import annotations

from typing import Any

from django.contrib import admin
from django.http import HttpRequest, HttpResponse
from django.template.response import TemplateResponse

OVERVIEW = "perf_overview"
# Names of the pages that tabs lead to, and what the tabs say.
TABS = {
    OVERVIEW: "Overview",
    "perf_routes": "Routes",
    "perf_queries": "Queries",
    "perf_slow": "Slow queries",
    "perf_cache": "Cache",
    "perf_connections": "Connections",
    "perf_tables": "Tables",
    "perf_indexes": "Indexes",
    "perf_replication": "Replication",
}


def page(
    request: HttpRequest,
    tab: str,
    context: dict[str, Any],
    *,
    template: str | None = None,
    subtitle: str = "",
) -> HttpResponse:
    """Return a page of the dashboard.

    Args:
        tab: One of TABS.
        template: Below `perf/`; the tab's own, unless told otherwise.
        subtitle: What one page of several under this tab is about.
    """
    name = tab.removeprefix("perf_")
    frame = {
        "title": TABS[tab] if tab != OVERVIEW else "Performance",
        "tab": tab,
        "tab_title": TABS[tab],
        "tabs": TABS,
        "page_subtitle": subtitle,
    }
    return TemplateResponse(
        request,
        f"perf/{template or name}.html",
        admin.site.each_context(request) | frame | context,
    )
