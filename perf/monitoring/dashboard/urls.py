"""The dashboard's URLs, as pages of the admin site."""

from __future__ import annotations

from functools import partial
from typing import cast

from morpheus.admin.site import AdminPage, MorpheusAdminSite
from perf.monitoring.dashboard import database_pages, server_pages
from perf.monitoring.dashboard.page import OVERVIEW, TABS

_VIEWS = {
    OVERVIEW: server_pages.show_overview,
    "perf_routes": server_pages.show_routes,
    "perf_queries": database_pages.show_queries,
    "perf_slow": server_pages.show_slow_queries,
    "perf_cache": server_pages.show_cache,
    "perf_connections": database_pages.show_connections,
    "perf_tables": database_pages.show_tables,
    "perf_indexes": database_pages.show_indexes,
    "perf_replication": database_pages.show_replication,
}


def _path(name: str) -> str:
    return "perf/" if name == OVERVIEW else f"perf/{name.removeprefix('perf_')}/"


_build_detail = partial(AdminPage, is_listed=False)

PAGES = [AdminPage(name, _path(name), TABS[name], view) for name, view in _VIEWS.items()]
PAGES += [
    _build_detail("perf_route", "perf/route/", "Route", server_pages.show_route),
    _build_detail(
        "perf_slow_query", "perf/slow/<int:pk>/", "Slow query", server_pages.show_slow_query
    ),
    _build_detail(
        "perf_query", "perf/queries/<slug:query_id>/", "Query", database_pages.show_query
    ),
]


def add_pages(site: object) -> None:
    """Add the pages to the admin site."""
    cast("MorpheusAdminSite", site).add_section("perf", "Performance", PAGES)
