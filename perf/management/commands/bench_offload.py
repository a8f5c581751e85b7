"""Measure how much of the database's read work the cache saves."""

from __future__ import annotations

import sys
from argparse import ArgumentParser
from typing import Any

from django.conf import settings
from django.core.management.base import BaseCommand

from morpheus.embedded.addresses import Addresses
from perf.lab.harness.databases import seed_if_empty
from perf.lab.harness.tables import Table
from perf.lab.offload.measure import measure
from perf.monitoring.budgets import budgets

# Half an hour for both modes on two cores.
REQUESTS = 180_000
# Failures that are printed.
EXAMPLES = 5

TABLE = Table(["", "cache off", "cache on", "saved"])


class Command(BaseCommand):
    help = (
        "Send the same requests to servers without a cache and with it, each on a copy of the "
        "database. Empties the cache server. Exit code 1 if the cache saves less read work than "
        "perf/budgets.toml requires."
    )

    def add_arguments(self, parser: ArgumentParser) -> None:
        parser.add_argument("--requests", type=int, default=REQUESTS, help="of each mode")
        parser.add_argument("--warm-up", type=int, default=0, help="other requests before")
        parser.add_argument("--seed", type=int, default=42, help="of the requests")

    def handle(self, **given: Any) -> None:
        options = {name: given[name] for name in ("requests", "warm_up", "seed")}
        seed_if_empty()
        url = Addresses.under(settings.MORPHEUS_VAR).database_url("postgres", "postgres")
        off, on = (measure(url, has_cache=mode, **options) for mode in (False, True))
        self.stdout.write(TABLE.heading)
        for name in ("ms", "buffers", "statements"):
            cost, rest = getattr(off, name), getattr(on, name)
            saved = f"{1 - rest / max(cost, 1):.1%}"
            self.stdout.write(TABLE.row(f"SELECTs, {name}", f"{cost:,.0f}", f"{rest:,.0f}", saved))
        for title, name in (("seconds", "seconds"), ("refused, sent again", "retries")):
            counts = (f"{getattr(each, name):,.0f}" for each in (off, on))
            self.stdout.write(TABLE.row(title, *counts))
        failures = off.failures + on.failures
        for line in (f"{len(failures):,} requests failed.", *failures[:EXAMPLES]):
            self.stdout.write(line)
        # The strictest of the cached routes.
        required = max(route.offload or 0.0 for route in budgets().routes.values())
        is_ok = not failures and 1 - on.ms / max(off.ms, 1) >= required
        verdict = "ok" if is_ok else "FAIL"
        self.stdout.write(f"{verdict}  The cache must save {required:.0%} of the milliseconds.")
        if not is_ok:
            sys.exit(1)
