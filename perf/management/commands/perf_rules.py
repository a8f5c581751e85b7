"""Show or write the budgets as Prometheus rules."""

from __future__ import annotations

from argparse import ArgumentParser
from typing import Any

from django.core.management.base import BaseCommand

from perf.monitoring.alert_rules import PATH, build_rules
from perf.monitoring.budgets import budgets


class Command(BaseCommand):
    help = "Show the budgets as Prometheus rules; --write puts them into ops/prometheus/."
    requires_system_checks: list[str] = []

    def add_arguments(self, parser: ArgumentParser) -> None:
        parser.add_argument("--write", action="store_true", help="write the file")

    def handle(self, *, write: bool, **options: Any) -> None:
        text = build_rules(budgets())
        if write:
            PATH.write_text(text)
            self.stdout.write(f"Wrote {PATH.relative_to(PATH.parents[2])}.")
        else:
            self.stdout.write(text, ending="")
