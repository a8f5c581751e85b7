"""The pages of the dashboard, as the admin site takes them."""

from __future__ import annotations

from typing import cast

from morpheus.admin.site import AdminPage, MorpheusAdminSite
from perf.monitoring.dashboard import converters  # noqa: F401 - its converter is used below
from perf.monitoring.dashboard.pages.cache import cache
from perf.monitoring.dashboard.pages.connections import connections_page
from perf.monitoring.dashboard.pages.indexes import indexes_page
from perf.monitoring.dashboard.pages.overview import overview
from perf.monitoring.dashboard.pages.queries import queries, query
from perf.monitoring.dashboard.pages.replication import replication_page
from perf.monitoring.dashboard.pages.routes import route, routes
from perf.monitoring.dashboard.pages.slow import slow, slow_query
from perf.monitoring.dashboard.pages.tables import tables_page
from perf.monitoring.dashboard.rendering import OVERVIEW, TABS

_VIEWS = {
    OVERVIEW: overview,
    "perf_routes": routes,
    "perf_queries": queries,
    "perf_slow": slow,
    "perf_cache": cache,
    "perf_connections": connections_page,
    "perf_tables": tables_page,
    "perf_indexes": indexes_page,
    "perf_replication": replication_page,
}


def _path(name: str) -> str:
    return "perf/" if name == OVERVIEW else f"perf/{name.removeprefix('perf_')}/"


PAGES = [AdminPage(name, _path(name), TABS[name], view) for name, view in _VIEWS.items()]
PAGES += [
    AdminPage("perf_route", "perf/route/", "Route", route, is_listed=False),
    AdminPage("perf_slow_query", "perf/slow/<int:pk>/", "Slow query", slow_query, is_listed=False),
    AdminPage("perf_query", "perf/queries/<query_id:query_id>/", "Query", query, is_listed=False),
]


def add_pages(site: object) -> None:
    """Add the pages to the admin site."""
    cast("MorpheusAdminSite", site).add_section("perf", "Performance", PAGES)
