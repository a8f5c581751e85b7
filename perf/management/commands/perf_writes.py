"""Print statements, round trips and CPU time of writes, in this process and with the cache."""

from __future__ import annotations

import logging
import tempfile
import time
from argparse import ArgumentParser
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from itertools import count
from statistics import median
from typing import Any, NamedTuple
from unittest.mock import patch

from django.core.management.base import BaseCommand
from django.db import connection
from django.test import Client, RequestFactory, override_settings
from django.utils import timezone
from django_tasks import TaskResultStatus
from django_tasks_db.models import DBTaskResult

from comics.models import Comic
from morpheus.cache.store import cache_store
from morpheus.db.transactions import write_transaction
from morpheus.tracing import events
from morpheus.worker.lease import Lease
from morpheus.worker.loop import release_connections
from morpheus.worker.tasks import claim_task, running_task
from novels.models import Novel, ProcessingStatus
from novels.search.documents import documents_rebuild
from novels.services.processing import status_advance
from novels.tasks import parse_upload
from perf.lab.example_requests import PASSWORD, bearer, example
from perf.lab.harness.tables import Table
from perf.lab.plans.capture import RequestFailed, capture_statements, served_host
from users.models import User
from users.services import token_create

_EMAIL = "writer@write-cost.example.org"
_WARM_UP = 20
# A panel's number is found from those of all panels of its comic, so each comic gets few.
_PANELS_OF_COMIC = 50
_UNLIMITED: dict[str, Any] = {
    "MORPHEUS_THROTTLE_RATES": {"write": (10**9, 60), "login": (10**9, 60)},
    "MORPHEUS_QUOTA_NOVELS": 10**6,
    "MORPHEUS_QUOTA_BYTES": 10**15,
}

TABLE = Table(["write", "statements", "database trips", "Redis trips", "CPU µs"], first_width=34)

# It takes a number that differs each time, and returns the CPU time of this thread in µs.
Write = Callable[[int], float]


class WriteCost(NamedTuple):
    """What one write costs when everything is warm.

    Attributes:
        statements: Without BEGIN, COMMIT, savepoints, the identity and reading the tags.
        database_trips: Waits for PostgreSQL; messages of one pipeline are one.
        redis_trips: Waits for Redis.
        cpu_us: Median CPU time of the thread.
    """

    statements: int
    database_trips: int
    redis_trips: int
    cpu_us: float


class Command(BaseCommand):
    help = "Count statements and round trips of writes, and measure their CPU time."

    def add_arguments(self, parser: ArgumentParser) -> None:
        parser.add_argument("--rounds", type=int, default=500, help="timed runs per write")

    def handle(self, *, rounds: int, **options: Any) -> None:
        logging.disable(logging.WARNING)
        events.start()
        self.stdout.write(TABLE.heading)
        with override_settings(**_UNLIMITED), _make_writes() as writes:
            while not cache_store().is_readable():
                time.sleep(0.05)
            for name, write in writes.items():
                cost = _measure(write, rounds)
                counts = (cost.statements, cost.database_trips, cost.redis_trips)
                self.stdout.write(TABLE.row(name, *map(str, counts), f"{cost.cpu_us:,.0f}"))


def _measure(write: Write, rounds: int) -> WriteCost:
    numbers = count()
    for _ in range(_WARM_UP):
        write(next(numbers))
    with capture_statements(cached=True) as statements:
        write(next(numbers))
    trips = _count_trips(lambda: write(next(numbers)))
    cpu_us = median(write(next(numbers)) for _ in range(rounds))
    return WriteCost(len(statements), *trips, cpu_us)


def _count_trips(work: Callable[[], object]) -> tuple[int, int]:
    """Return how often this thread waits for PostgreSQL and for Redis."""
    client = cache_store().client
    connection.ensure_connection()
    pgconn = connection.connection.pgconn
    with (
        tempfile.TemporaryFile("w+") as messages,
        patch.object(client, "run", wraps=client.run) as run,
        patch.object(client, "replies_with", wraps=client.replies_with) as replies_with,
    ):
        pgconn.trace(messages.fileno())
        try:
            work()
        finally:
            pgconn.untrace()
        messages.seek(0)
        sides = [line.split("\t")[1] for line in messages if line.count("\t") > 1]
    # Each wait begins with messages of the frontend (F) and ends with those of the backend.
    return "".join(sides).count("FB"), run.call_count + replies_with.call_count


@contextmanager
def _make_writes() -> Iterator[dict[str, Write]]:
    """Yield the writes of a new user with a novel, by name."""
    User.objects.filter(email=_EMAIL).delete()
    user = User.objects.create_user(_EMAIL, PASSWORD, display_name="Writer")
    try:
        with write_transaction(as_user=user.pk):
            novel = Novel.objects.create(title="Novel", synopsis="A text. " * 40, owner=user)
            ProcessingStatus.objects.create(
                novel=novel, owner_id=user.pk, is_public=novel.is_public
            )
            documents_rebuild(novel_id=novel.pk)
        with _running_task(novel):
            yield _Writer(user, novel).writes
    finally:
        with write_transaction(as_user=user.pk):
            Comic.objects.filter(owner=user).delete()
            Novel.objects.filter(owner=user).delete()
        with write_transaction(as_staff=True):
            User.objects.filter(pk=user.pk).delete()


class _Writer:
    """Sends requests to the application of this process, with a token, and reports progress."""

    def __init__(self, user: User, novel: Novel) -> None:
        self._novel = novel
        self._headers = bearer(token_create(user=user)[0])
        # It keeps the connection at the end of a request, so that it can be traced.
        self._handler = Client().handler
        self._comic_id = 0
        self.writes: dict[str, Write] = {
            "PATCH /novels/{novel_id}/": self._rename,
            "POST /comics/": self._create_comic,
            "POST /comics/{comic_id}/panels/": self._add_panel,
            "a worker's status step": self._advance,
        }

    def _rename(self, number: int) -> float:
        body = {"title": f"Novel {number}"}
        return self._send("PATCH /novels/{novel_id}/", {"novel_id": self._novel.pk}, body)

    def _create_comic(self, number: int) -> float:
        return self._send("POST /comics/", {}, {"title": f"Comic {number}"})

    def _add_panel(self, number: int) -> float:
        if number % _PANELS_OF_COMIC == 0:
            self._create_comic(number)
            with write_transaction(as_user=self._novel.owner_id):
                self._comic_id = Comic.objects.latest("pk").pk
        values, body = {"comic_id": self._comic_id}, {"caption": f"Panel {number}"}
        return self._send("POST /comics/{comic_id}/panels/", values, body)

    def _advance(self, number: int) -> float:
        novel = self._novel
        return _measure_cpu_us(
            lambda: status_advance(
                novel_id=novel.pk, owner_id=novel.owner_id, stage="chapters", progress=number % 100
            )
        )

    def _send(self, route: str, values: Mapping[str, object], body: Mapping[str, str]) -> float:
        sent = example(route).build(values, body=body, headers=self._headers)
        request = RequestFactory(SERVER_NAME=served_host()).generic(
            sent.method, sent.path, sent.body, secure=True, headers=sent.headers
        )
        responses: list[Any] = []
        cpu_us = _measure_cpu_us(lambda: responses.append(self._handler(request.environ)))
        [response] = responses
        if not 200 <= response.status_code < 300:
            raise RequestFailed(f"{route}: {response.status_code} {response.content!r}")
        return cpu_us


def _measure_cpu_us(call: Callable[[], object]) -> float:
    """Return the CPU time of this thread for a call."""
    began = time.thread_time_ns()
    call()
    return (time.thread_time_ns() - began) / 1000


@contextmanager
def _running_task(novel: Novel) -> Iterator[None]:
    """Have a parse of the novel claimed in the block, as a worker has."""
    parse_upload.enqueue(novel_id=novel.pk, owner_id=novel.owner_id, given=[])
    with Lease() as lease:
        row = claim_task(lease)
        while row is not None and row.args_kwargs["kwargs"].get("novel_id") != novel.pk:
            row = claim_task(lease)
        token = running_task.set(row)
        try:
            yield
        finally:
            running_task.reset(token)
            parses = DBTaskResult.objects.filter(task_path=parse_upload.module_path)
            parses.filter(args_kwargs__kwargs__novel_id=novel.pk).update(
                status=TaskResultStatus.FAILED, finished_at=timezone.now()
            )
            release_connections()
