"""Filters and tags of the dashboard's templates: quantities, charts, and headings of tables."""

from __future__ import annotations

from typing import Any
from urllib.parse import urlencode

from django import template
from django.urls import reverse
from django.utils.safestring import SafeString

from perf.monitoring.dashboard import charts, formatting
from perf.monitoring.dashboard.measurements import OUTCOMES, PolicyStats
from perf.monitoring.sql_text import normalize_statement

register = template.Library()

register.filter("number", formatting.format_number)
register.filter("ms", formatting.format_ms)
register.filter("seconds", formatting.format_seconds)
register.filter("bytes", formatting.format_bytes)
register.filter("percent", formatting.format_percent)
register.filter("age", formatting.format_age)
register.filter("ago", formatting.format_ago)
register.filter("per", formatting.format_average)
register.filter("draw_share", charts.draw_share)
register.filter("draw_histogram", charts.draw_histogram)
register.filter("draw_small_histogram", charts.draw_small_histogram)
register.filter("draw_trend", charts.draw_trend)


@register.filter
def draw_outcomes(policy: PolicyStats) -> SafeString:
    """Draw the lookups of a cache policy by outcome."""
    counts = [(outcome, policy.outcomes.get(outcome, 0.0)) for outcome in OUTCOMES]
    return charts.draw_stack(
        (outcome, count, f"{formatting.format_number(count)} {OUTCOMES[outcome]}")
        for outcome, count in counts
    )


@register.filter
def draw_sizes(table: Any, largest_bytes: float) -> SafeString:
    """Draw the parts of a table's size; a full bar stands for `largest_bytes`."""
    parts = (
        ("heap", table.heap_bytes, "rows"),
        ("index", table.index_bytes, "indexes"),
        ("toast", table.toast_bytes, "long values (TOAST)"),
    )
    return charts.draw_stack(
        [(name, size, f"{formatting.format_bytes(size)} {text}") for name, size, text in parts],
        whole=largest_bytes,
    )


@register.filter
def normalized_sql(sql: str) -> str:
    """Replace values: pg_stat_statements leaves them in statements that have no plan."""
    return normalize_statement(sql).text


@register.filter
def route_url(route: str) -> str:
    """Return the URL of a route's page."""
    return f"{reverse('admin:perf_route')}?{urlencode({'route': route})}"


@register.inclusion_tag("perf/heading.html", takes_context=True)
def heading(
    context: Any, title: str, name: str = "", *, kind: str = "number", help: str = ""
) -> dict[str, str]:
    """Show a column's title, with a link that sorts `table` by the attribute `name`.

    Args:
        kind: Alignment and font: "number", "text", "code" or "picture".
    """
    table = context["table"]
    is_current = bool(name) and name == table.order.removeprefix("-")
    return {
        "title": title,
        "kind": kind,
        "help": help,
        # The first click sorts text from A to Z, and numbers from the greatest.
        "url": table.sort_url(name, descends=kind != "text") if name else "",
        "direction": table.direction if is_current else "",
    }
