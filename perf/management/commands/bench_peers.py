"""Measure Morpheus beside other implementations that give the same responses."""

from __future__ import annotations

import json
import sys
from argparse import ArgumentParser
from collections.abc import Iterable
from typing import Any

from django.conf import settings
from django.core.management import call_command
from django.core.management.base import BaseCommand, CommandError

from morpheus.embedded.addresses import Addresses
from morpheus.embedded.roles import APP, LOADER
from perf.lab.example_rows import NoExampleRows
from perf.lab.harness.http_client import BadResponse
from perf.lab.harness.servers import ServerFailed
from perf.lab.peers.contestants import Backends, running_contestants
from perf.lab.peers.measure import CONNECTIONS, ROUNDS, SECONDS, compare
from perf.lab.peers.report import as_json, format_comparison
from perf.lab.peers.routes import find_differences, make_routes

# After those of Morpheus.
REDIS_DATABASE = 9


class Command(BaseCommand):
    help = (
        "Start Morpheus, Django REST framework as it is usually written and as it is written well, "
        "and the usual way with cachalot; compare their responses, then measure them in turns. "
        "Exit code 1 if responses differ."
    )

    def add_arguments(self, parser: ArgumentParser) -> None:
        parser.add_argument("--rounds", type=int, default=ROUNDS)
        parser.add_argument("--seconds", type=float, default=SECONDS, help="of each measurement")
        parser.add_argument("--connections", type=int, nargs="+", default=list(CONNECTIONS))
        parser.add_argument("--routes", nargs="+", default=[], help="only the routes named here")
        parser.add_argument("--only-compare", action="store_true", help="do not measure")
        parser.add_argument("--output", default=str(settings.MORPHEUS_VAR / "peers.json"))

    def handle(self, **options: Any) -> None:
        try:
            call_command("seed", if_empty=True, quiet=True)
            self._run(_find_backends(), options)
        except (NoExampleRows, ServerFailed, BadResponse, OSError) as error:
            raise CommandError(str(error)) from error

    def _run(self, backends: Backends, options: dict[str, Any]) -> None:
        routes = [
            route
            for route in make_routes()
            if not options["routes"] or route.name in options["routes"]
        ]
        comparisons = []
        with running_contestants(backends) as servers:
            self._report_differences(find_differences(servers, routes))
            if options["only_compare"]:
                return
            for comparison in compare(
                servers,
                routes,
                backends,
                rounds=options["rounds"],
                seconds=options["seconds"],
                connections=options["connections"],
            ):
                comparisons.append(comparison)
                for line in format_comparison(comparison):
                    self._write(line)
        with open(options["output"], "w") as file:
            json.dump(as_json(comparisons), file, indent=1)

    def _report_differences(self, differences: Iterable[str]) -> None:
        sentences = list(differences)
        for sentence in sentences:
            self.stderr.write(f"FAIL  {sentence}")
        if sentences:
            sys.exit(1)
        self._write("ok  All contestants give the same responses.")

    def _write(self, line: str) -> None:
        self.stdout.write(line)
        self.stdout.flush()


def _find_backends() -> Backends:
    addresses, name = Addresses.under(settings.MORPHEUS_VAR), settings.DATABASES["default"]["NAME"]
    return Backends(
        database_url=addresses.database_url(APP, name),
        peer_database_url=addresses.database_url(LOADER, name),
        redis_url=addresses.redis_url(REDIS_DATABASE),
        redis_socket=addresses.redis_socket,
    )
