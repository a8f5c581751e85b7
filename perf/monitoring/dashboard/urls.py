"""The dashboard's URLs, as pages of the admin site."""

from __future__ import annotations

from collections.abc import Callable

from django.http import HttpResponse
from django.views.decorators.http import require_safe

from morpheus.admin.site import AdminPage
from perf.monitoring.dashboard import database_pages as database
from perf.monitoring.dashboard import server_pages as server
from perf.monitoring.dashboard.page import OVERVIEW, TABS

_VIEWS: dict[str, tuple[str, Callable[..., HttpResponse]]] = {
    OVERVIEW: ("perf/", server.show_overview),
    "perf_history": ("perf/history/", server.show_history),
    "perf_routes": ("perf/routes/", server.show_routes),
    "perf_queries": ("perf/queries/", database.show_queries),
    "perf_slow": ("perf/slow/", server.show_slow_queries),
    "perf_cache": ("perf/cache/", server.show_cache),
    "perf_connections": ("perf/connections/", database.show_connections),
    "perf_tables": ("perf/tables/", database.show_tables),
    "perf_indexes": ("perf/indexes/", database.show_indexes),
    "perf_replication": ("perf/replication/", database.show_replication),
    "perf_route": ("perf/route/", server.show_route),
    "perf_slow_query": ("perf/slow/<int:pk>/", server.show_slow_query),
    "perf_query": ("perf/queries/<slug:query_id>/", database.show_query),
}

PAGES = [
    AdminPage(name, path, TABS.get(name, ""), require_safe(view))
    for name, (path, view) in _VIEWS.items()
]
