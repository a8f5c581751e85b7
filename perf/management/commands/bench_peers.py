"""Measure this project beside others that give the same answers."""

from __future__ import annotations

import json
import sys
from argparse import ArgumentParser
from typing import Any

from django.conf import settings
from django.core.management import call_command
from django.core.management.base import BaseCommand, CommandError

from morpheus.embedded.addresses import Addresses
from morpheus.embedded.roles import APP, LOADER
from perf.lab.offload.client import BadAnswer
from perf.lab.offload.servers import ServerFailed
from perf.lab.peers.answers import differences
from perf.lab.peers.contestants import Place, started
from perf.lab.peers.report import as_json, lines
from perf.lab.peers.routes import NothingToCompare, routes
from perf.lab.peers.run import CONNECTIONS, ROUNDS, SECONDS, compared

# After those of Morpheus.
REDIS_DATABASE = 9


class Command(BaseCommand):
    help = (
        "Start this project, Django REST framework as it is usually written and as it is written "
        "well, and the usual way with cachalot; compare their answers, then measure them by turns. "
        "Exit code 1 if answers differ."
    )

    def add_arguments(self, parser: ArgumentParser) -> None:
        parser.add_argument("--rounds", type=int, default=ROUNDS)
        parser.add_argument("--seconds", type=float, default=SECONDS, help="of each measurement")
        parser.add_argument("--connections", type=int, nargs="+", default=list(CONNECTIONS))
        parser.add_argument("--routes", nargs="+", default=[], help="only those of these names")
        parser.add_argument("--only-answers", action="store_true", help="compare, do not measure")
        parser.add_argument("--output", default=str(settings.MORPHEUS_VAR / "peers.json"))

    def handle(self, *, only_answers: bool, output: str, **options: Any) -> None:
        try:
            call_command("seed", if_empty=True, quiet=True)
            place = _place()
            wanted = [
                route
                for route in routes(place.peer_database_url)
                if not options["routes"] or route.name in options["routes"]
            ]
            with started(place) as ports:
                self._compare_answers(differences(ports, wanted))
                if only_answers:
                    return
                found = []
                for one in compared(
                    ports,
                    wanted,
                    place,
                    rounds=options["rounds"],
                    seconds=options["seconds"],
                    connections=options["connections"],
                ):
                    found.append(one)
                    for line in lines(one):
                        self._say(line)
        except (NothingToCompare, ServerFailed, BadAnswer) as error:
            raise CommandError(str(error)) from error
        with open(output, "w") as file:
            json.dump(as_json(found), file, indent=1)

    def _compare_answers(self, found: Any) -> None:
        faults = list(found)
        for fault in faults:
            self.stderr.write(fault)
        if faults:
            sys.exit(1)
        self._say("All give the same answers.")

    def _say(self, line: str) -> None:
        self.stdout.write(line)
        self.stdout.flush()


def _place() -> Place:
    addresses, name = Addresses.under(settings.MORPHEUS_VAR), settings.DATABASES["default"]["NAME"]
    return Place(
        database_url=addresses.database_url(APP, name),
        peer_database_url=addresses.database_url(LOADER, name),
        redis_url=addresses.redis_url(REDIS_DATABASE),
        redis_socket=addresses.redis_socket,
    )
