"""Load a running server with many clients at once and count its database connections."""

from __future__ import annotations

import threading
from argparse import ArgumentParser
from collections.abc import Iterator
from contextlib import closing, contextmanager
from typing import Any

import psycopg
from django.core.management.base import BaseCommand, CommandError
from django.db import connection

from perf.lab.example_requests import HttpRequest, example
from perf.lab.harness.http_client import BadResponse, Connection
from perf.lab.harness.load_driver import drive_from_processes
from perf.lab.harness.tables import Table

ROUTES = ("GET /novels/", "GET /comics/")
# Seconds between two counts of the server's connections.
COUNT_INTERVAL_S = 0.2
TABLE = Table(
    "clients|responses|per s|failed|p50 ms|p95 ms|p99 ms|max ms|connections".split("|"),
    first_width=8,
)

# Connections of the serving role, without ours: of server processes, and up to three of a worker.
_CONNECTIONS = """
SELECT count(*) FROM pg_stat_activity
WHERE datname = current_database() AND usename = current_user AND pid <> pg_backend_pid()
"""


class Command(BaseCommand):
    help = (
        "Let clients read lists and novels of a running server, each again as soon as it has the "
        "response; print the times and the largest number of database connections. Exit code 1 "
        "if a request fails."
    )
    requires_system_checks: list[str] = []

    def add_arguments(self, parser: ArgumentParser) -> None:
        parser.add_argument("--url", default="http://127.0.0.1:8000")
        parser.add_argument("--clients", type=int, nargs="+", default=[1, 100, 1000])
        parser.add_argument("--seconds", type=float, default=30.0)

    def handle(self, *, url: str, clients: list[int], seconds: float, **options: Any) -> None:
        try:
            requests = _find_requests(url)
        except (OSError, BadResponse) as error:
            raise CommandError(f"{url}: {error}") from error
        self.stdout.write(TABLE.heading)
        has_failed = False
        for count in clients:
            with _counted_connections() as counts:
                result = drive_from_processes(url, requests, connections=count, seconds=seconds)
            times = [result.percentile_ms(share) for share in (0.5, 0.95, 0.99, 1.0)]
            failures = result.failures.total()
            kinds = (f"{number} {kind}" for kind, number in result.failures.items())
            cells = [
                *(f"{len(result.ms):,}", f"{result.per_second:,.0f}", f"{failures:,}"),
                *(f"{ms:,.0f}" for ms in times),
                *(f"{max(counts, default=0)}", ", ".join(kinds)),
            ]
            self.stdout.write(TABLE.row(f"{count:,}", *cells))
            has_failed = has_failed or bool(failures)
        if has_failed:
            raise CommandError("Requests failed.")


@contextmanager
def _counted_connections() -> Iterator[list[int]]:
    """Count the server's connections repeatedly during the block."""
    counts: list[int] = []
    stop = threading.Event()

    def count() -> None:
        # Not of the pool, which would open another one.
        parameters = connection.get_connection_params()
        with psycopg.connect(**parameters, autocommit=True) as database:
            while not stop.wait(COUNT_INTERVAL_S):
                [(number,)] = database.execute(_CONNECTIONS).fetchall()
                counts.append(number)

    thread = threading.Thread(target=count)
    thread.start()
    try:
        yield counts
    finally:
        stop.set()
        thread.join()


def _find_requests(url: str) -> list[HttpRequest]:
    """Return requests for lists, and for the novels and chapters of the first page."""
    lists = [example(route).build({}) for route in ROUTES]
    lists.append(example("GET /novels/").build({}, query={"ordering": "title"}))
    with closing(Connection(url)) as reader:
        rows = reader.exchange(lists[0]).require_ok().json["results"]
    novels = [
        example(route).build({"novel_id": row["id"]})
        for row in rows
        for route in ("GET /novels/{novel_id}/", "GET /novels/{novel_id}/chapters/")
    ]
    return [*lists, *novels]
