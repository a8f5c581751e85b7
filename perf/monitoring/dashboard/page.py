"""The frame of all pages, and reading statistics that may fail."""

from __future__ import annotations

import logging
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any, Generic, TypeVar

from django.contrib import admin
from django.db import InterfaceError, OperationalError
from django.http import HttpRequest, HttpResponse
from django.template.response import TemplateResponse

from perf.monitoring.dashboard import thresholds
from perf.monitoring.statistics.limited_queries import StatisticsUnavailable

logger = logging.getLogger(__name__)

OVERVIEW = "perf_overview"
# The pages with a tab, by URL name.
TABS = {
    OVERVIEW: "Overview",
    "perf_history": "History",
    "perf_routes": "Routes",
    "perf_queries": "Queries",
    "perf_slow": "Slow queries",
    "perf_cache": "Cache",
    "perf_connections": "Connections",
    "perf_tables": "Tables",
    "perf_indexes": "Indexes",
    "perf_replication": "Replication",
}

T = TypeVar("T")


@dataclass(frozen=True, slots=True)
class Attempt(Generic[T]):
    """A value, or the reason why it could not be read."""

    value: T | None
    problem: str = ""


def attempt(read: Callable[[], T]) -> Attempt[T]:
    """Read a value for a page; only a lost database is raised, as on every other page."""
    try:
        return Attempt(read())
    except StatisticsUnavailable as error:
        return Attempt(None, str(error))
    except (OperationalError, InterfaceError):
        raise
    except Exception as error:
        logger.exception("The dashboard could not read a value.")
        return Attempt(None, f"It failed with {type(error).__name__}; the log has the details.")


def render_page(
    request: HttpRequest, tab: str, *, template: str = "", subtitle: str = "", **context: Any
) -> HttpResponse:
    """Return a page of the dashboard.

    Args:
        tab: One of TABS.
        template: Name of the template below `perf/`; by default the tab's own.
        subtitle: Heading of a page below the tab's own.
    """
    frame = {
        "title": TABS[tab] if tab != OVERVIEW else "Performance",
        "tab": tab,
        "tab_title": TABS[tab],
        "tabs": TABS,
        "page_subtitle": subtitle,
        "thresholds": thresholds,
    }
    context = admin.site.each_context(request) | frame | context
    name = template or tab.removeprefix("perf_")
    return TemplateResponse(request, f"perf/{name}.html", context)
