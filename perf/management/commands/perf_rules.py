"""Write the budgets as Prometheus recording rules, for the alert rules to compare with."""

from __future__ import annotations

import json
from collections.abc import Iterator
from pathlib import Path
from typing import Any

from django.conf import settings
from django.core.management.base import BaseCommand

from perf.monitoring.budgets import Budgets, budgets

PATH: Path = settings.BASE_DIR / "ops" / "prometheus" / "budgets.rules.yml"

_HEAD = """\
# Made from perf/budgets.toml by `manage.py perf_rules`; change the budgets there.
groups:
  - name: morpheus-budgets
    rules:
"""


class Command(BaseCommand):
    help = "Write the budgets as Prometheus rules into ops/prometheus/."
    requires_system_checks: list[str] = []

    def handle(self, **options: Any) -> None:
        PATH.write_text(build_rules(budgets()))
        self.stdout.write(f"Wrote {PATH}.")


def build_rules(budgets: Budgets) -> str:
    """Return the rules file: one series per route and per kind of statement."""
    return _HEAD + "".join(_lines(budgets))


def _lines(budgets: Budgets) -> Iterator[str]:
    for route, budget in budgets.routes.items():
        yield _rule("morpheus:route_p95_budget_seconds", budget.p95_ms, route=route)
    for kind, limit_ms in budgets.kinds_ms.items():
        yield _rule("morpheus:query_limit_seconds", limit_ms, kind=kind)
    yield _rule("morpheus:slow_query_seconds", budgets.slow_ms)


def _rule(name: str, limit_ms: float, **labels: str) -> str:
    # JSON is valid YAML.
    suffix = f"\n        labels: {json.dumps(labels)}" if labels else ""
    return f"      - record: {name}\n        expr: vector({limit_ms / 1000:g}){suffix}\n"
