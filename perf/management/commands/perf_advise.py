"""Say which indexes would help, tried on this database if so told, and which help nobody."""

from __future__ import annotations

from argparse import ArgumentParser
from typing import Any

from django.core.management.base import BaseCommand, CommandError
from django.db import DatabaseError

from perf.lab.plans.capture import RequestFailed
from perf.monitoring.index_advice.advise import advised, migration
from perf.monitoring.index_advice.migrations import Written
from perf.monitoring.index_advice.report import (
    candidate_text,
    drop_texts,
    foreign_key_texts,
    migration_text,
    trial_text,
)
from perf.monitoring.index_advice.session import CannotPlanAsServingRole
from perf.monitoring.index_advice.trial import Refused, refuse_where_it_would_harm, tried
from perf.monitoring.index_advice.workload import workload


class Command(BaseCommand):
    help = (
        "Look at the API's reads and at pg_stat_statements for indexes that would help, and list "
        "those that help nobody. Prints migrations; changes nothing."
    )

    def add_arguments(self, parser: ArgumentParser) -> None:
        parser.add_argument("--route", default="", help="only routes that contain this text")
        parser.add_argument(
            "--try",
            action="store_true",
            dest="tries",
            help="make each index in a transaction that is rolled back, and measure; writers of "
            "its table wait meanwhile",
        )
        parser.add_argument(
            "--with-clients",
            action="store_true",
            help="try although the server has other clients",
        )
        parser.add_argument(
            "--no-drops", action="store_true", help="do not list what could be dropped"
        )

    def handle(self, *, route: str, tries: bool, no_drops: bool, **options: Any) -> None:
        self.written: Written = {}
        try:
            if tries:
                refuse_where_it_would_harm(clients_too=options["with_clients"])
            self._advise(route, tries=tries)
        except (Refused, CannotPlanAsServingRole, RequestFailed) as refused:
            raise CommandError(str(refused)) from refused
        if not (no_drops or route):
            self._say(*foreign_key_texts(), *drop_texts(self.written))

    def _advise(self, route: str, *, tries: bool) -> None:
        work = workload(route)
        self._say(f"{len(work.asked)} statements are looked at.")
        found, notes = advised(work, with_foreign_keys=not route)
        self._say(*work.notes, *notes)
        if not found:
            self._say("No index would help them.")
        for candidate in found:
            self._say(candidate_text(candidate))
            if not tries:
                self._say(migration_text(migration(candidate, self.written)))
                continue
            try:
                trial = tried(candidate)
            except DatabaseError as error:
                self._say(f"It could not be tried: {str(error).splitlines()[0]}")
                continue
            self._say(trial_text(trial))
            if trial.helps or candidate.is_declared:
                self._say(migration_text(migration(candidate, self.written, trial.index)))
        if found and not tries:
            self._say("Nothing was tried. --try measures each of these, and drops the useless.")

    def _say(self, *texts: str) -> None:
        for text in texts:
            self.stdout.write(f"{text}\n")
