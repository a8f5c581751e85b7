"""The dashboard's URLs, as pages of the admin site."""

from __future__ import annotations

from typing import cast

from morpheus.admin.site import AdminPage, MorpheusAdminSite
from perf.monitoring.dashboard.page import OVERVIEW, TABS
from perf.monitoring.dashboard.pages.cache import show_cache
from perf.monitoring.dashboard.pages.connections import show_connections
from perf.monitoring.dashboard.pages.indexes import show_indexes
from perf.monitoring.dashboard.pages.queries import show_queries, show_query
from perf.monitoring.dashboard.pages.replication import show_replication
from perf.monitoring.dashboard.pages.routes import show_overview, show_route, show_routes
from perf.monitoring.dashboard.pages.slow import show_slow_queries, show_slow_query
from perf.monitoring.dashboard.pages.tables import show_tables

_VIEWS = {
    OVERVIEW: show_overview,
    "perf_routes": show_routes,
    "perf_queries": show_queries,
    "perf_slow": show_slow_queries,
    "perf_cache": show_cache,
    "perf_connections": show_connections,
    "perf_tables": show_tables,
    "perf_indexes": show_indexes,
    "perf_replication": show_replication,
}


def _path(name: str) -> str:
    return "perf/" if name == OVERVIEW else f"perf/{name.removeprefix('perf_')}/"


PAGES = [AdminPage(name, _path(name), TABS[name], view) for name, view in _VIEWS.items()]
PAGES += [
    AdminPage("perf_route", "perf/route/", "Route", show_route, is_listed=False),
    AdminPage(
        "perf_slow_query", "perf/slow/<int:pk>/", "Slow query", show_slow_query, is_listed=False
    ),
    AdminPage("perf_query", "perf/queries/<slug:query_id>/", "Query", show_query, is_listed=False),
]


def add_pages(site: object) -> None:
    """Add the pages to the admin site."""
    cast("MorpheusAdminSite", site).add_section("perf", "Performance", PAGES)
