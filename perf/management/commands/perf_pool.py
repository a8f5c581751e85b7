"""Have many clients ask a running server at once; nobody is refused, the pool does not grow."""

from __future__ import annotations

import http.client
import json
import threading
from argparse import ArgumentParser
from typing import Any
from urllib.parse import urlsplit

import psycopg
from django.core.management.base import BaseCommand, CommandError
from django.db import connection

from perf.lab.load_driver import Outcome, ask
from perf.lab.walk import percentile

LISTS = ("/api/v1/novels/", "/api/v1/novels/?ordering=title", "/api/v1/comics/")
# Seconds between two looks at the server's connections.
LOOK_INTERVAL_S = 0.2

# Those of the serving role but our own: of server processes, and up to three of a worker.
_CONNECTIONS = """
SELECT count(*) FROM pg_stat_activity
WHERE datname = current_database() AND usename = current_user AND pid <> pg_backend_pid()
"""


class Command(BaseCommand):
    help = (
        "Have clients ask a running server for lists and novels, all at once, each again as soon "
        "as it is answered; print the times and the most database connections seen. Ends with 1 "
        "if a request failed."
    )
    requires_system_checks: list[str] = []

    def add_arguments(self, parser: ArgumentParser) -> None:
        parser.add_argument("--url", default="http://127.0.0.1:8000")
        parser.add_argument("--clients", type=int, nargs="+", default=[1, 100, 1000])
        parser.add_argument("--seconds", type=float, default=30.0)

    def handle(self, *, url: str, clients: list[int], seconds: float, **options: Any) -> None:
        try:
            paths = _paths(url)
        except (OSError, http.client.HTTPException, ValueError) as error:
            raise CommandError(f"GET {url}{LISTS[0]}: {error}") from error
        failed = False
        for count in clients:
            with _Watch() as watch:
                outcome = ask(url, paths, clients=count, seconds=seconds)
            self.stdout.write(_line(count, seconds, outcome, watch.most))
            failed = failed or bool(outcome.failures)
        if failed:
            raise CommandError("Requests failed.")


class _Watch:
    """Counts the server's connections for the length of a block; `most` is how many there were."""

    def __enter__(self) -> _Watch:
        self.most = 0
        self._end = threading.Event()
        self._thread = threading.Thread(target=self._look)
        self._thread.start()
        return self

    def __exit__(self, *_: object) -> None:
        self._end.set()
        self._thread.join()

    def _look(self) -> None:
        # Outside the pool, which would open more than one.
        parameters = connection.get_connection_params()
        with psycopg.connect(**parameters, autocommit=True) as looking:
            while not self._end.wait(LOOK_INTERVAL_S):
                [(count,)] = looking.execute(_CONNECTIONS).fetchall()
                self.most = max(self.most, count)


def _paths(url: str) -> list[str]:
    """Return lists, and the novels and chapters of the first page."""
    parts = urlsplit(url)
    asking = http.client.HTTPConnection(parts.netloc, timeout=60)
    try:
        asking.request("GET", LISTS[0])
        novels = json.loads(asking.getresponse().read())["results"]
    finally:
        asking.close()
    of_novels = [f"/api/v1/novels/{novel['id']}/" for novel in novels]
    return [*LISTS, *of_novels, *(f"{path}chapters/" for path in of_novels)]


def _line(clients: int, seconds: float, outcome: Outcome, connections: int) -> str:
    ms, failures = outcome.ms, sum(outcome.failures.values())
    times = "none"
    if ms:
        shares = ((f"p{share * 100:g}", percentile(ms, share)) for share in (0.5, 0.95, 0.99))
        times = ", ".join(f"{name} {value:,.0f} ms" for name, value in shares)
        times += f", max {max(ms):,.0f} ms"
    kinds = "".join(f", {count} {kind}" for kind, count in outcome.failures.items())
    return (
        f"{clients:,} clients for {seconds:g} s: {len(ms):,} answers ({len(ms) / seconds:,.0f}/s), "
        f"{failures} failed{kinds}; {times}; at most {connections} database connections"
    )
