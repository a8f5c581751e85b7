"""Statements, round trips and CPU time of writes, in this process and with the cache."""

from __future__ import annotations

import io
import logging
import tempfile
import threading
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from statistics import median
from typing import Any

from django.core.management.base import CommandError
from django.core.signals import request_finished, request_started
from django.core.wsgi import get_wsgi_application
from django.db import close_old_connections, connection
from django.test import override_settings
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
from perf.lab.example_requests import PASSWORD, ExampleRequest, bearer, example
from perf.lab.plans.capture import capture_statements, served_host
from users.models import User
from users.services import token_create

_EMAIL = "writer@write-cost.example.org"
_WARM_UP = 20
# A panel's number is found from those of all panels of its comic, so each comic gets few.
_PANELS_OF_COMIC = 50


@dataclass
class Write:
    """A write that can be repeated.

    Attributes:
        run: Takes a number that differs each time.
    """

    name: str
    run: Callable[[int], object]


@dataclass(frozen=True)
class WriteCost:
    """What one write costs when everything is warm.

    Attributes:
        statements: Without BEGIN, COMMIT, savepoints, the identity and reading the tags.
        database_trips: Waits for PostgreSQL; messages of one pipeline are one.
        redis_trips: Waits for Redis.
        cpu_us: Median CPU time of the thread.
    """

    name: str
    statements: int
    database_trips: int
    redis_trips: int
    cpu_us: float


@dataclass
class _Counts:
    database_trips: int = 0
    redis_trips: int = 0
    _thread: int = field(default_factory=threading.get_ident)

    def count_redis(self, call: Callable[..., Any]) -> Callable[..., Any]:
        def counted(*args: Any) -> Any:
            self.redis_trips += threading.get_ident() == self._thread
            return call(*args)

        return counted


def measure_writes(*, rounds: int) -> Iterator[WriteCost]:
    """Yield the cost of each write; its rows are deleted afterwards.

    Raises:
        CommandError: A response is not a success.
    """
    logging.disable(logging.WARNING)
    events.start()
    unlimited = override_settings(
        MORPHEUS_THROTTLE_RATES={"write": (10**9, 60), "login": (10**9, 60)},
        MORPHEUS_QUOTA_NOVELS=10**6,
        MORPHEUS_QUOTA_BYTES=10**15,
    )
    with unlimited, _writes() as writes:
        while not cache_store().is_readable():
            time.sleep(0.05)
        for write in writes:
            yield _measure(write, rounds)


def _measure(write: Write, rounds: int) -> WriteCost:
    for number in range(_WARM_UP):
        write.run(number)
    with _keep_connection():
        write.run(_WARM_UP)
        with capture_statements(cached=True) as statements:
            write.run(_WARM_UP + 1)
        with _count_trips() as counts:
            write.run(_WARM_UP + 2)
    times = []
    for number in range(_WARM_UP + 3, _WARM_UP + 3 + rounds):
        started = time.thread_time_ns()
        write.run(number)
        times.append((time.thread_time_ns() - started) / 1000)
    return WriteCost(
        write.name, len(statements), counts.database_trips, counts.redis_trips, median(times)
    )


@contextmanager
def _keep_connection() -> Iterator[None]:
    """Keep this thread's connection at the end of a request, so that it can be traced."""
    signals = (request_started, request_finished)
    for signal in signals:
        signal.disconnect(close_old_connections)
    try:
        yield
    finally:
        for signal in signals:
            signal.connect(close_old_connections)
        connection.close()


@contextmanager
def _count_trips() -> Iterator[_Counts]:
    """Count the waits of this thread."""
    counts, client = _Counts(), cache_store().client
    run, replies_with = client.run, client.replies_with
    with tempfile.TemporaryFile("w+") as messages:
        connection.ensure_connection()
        pgconn = connection.connection.pgconn
        pgconn.trace(messages.fileno())
        client.run = counts.count_redis(run)  # type: ignore[method-assign]
        client.replies_with = counts.count_redis(replies_with)  # type: ignore[method-assign]
        try:
            yield counts
        finally:
            client.run, client.replies_with = run, replies_with  # type: ignore[method-assign]
            pgconn.untrace()
        messages.seek(0)
        lines = messages.readlines()
    sides = [line.split("\t")[1] for line in lines if line.count("\t") > 1]
    # Each wait begins with messages of the frontend (F) and ends with those of the backend.
    counts.database_trips = "".join(sides).count("FB")


@contextmanager
def _writes() -> Iterator[list[Write]]:
    """Yield the writes of a new user with a novel."""
    User.objects.filter(email=_EMAIL).delete()
    user = User.objects.create_user(_EMAIL, PASSWORD, display_name="Writer")
    try:
        with write_transaction(as_user=user.pk):
            novel = Novel.objects.create(title="Novel", synopsis="A text. " * 40, owner=user)
            ProcessingStatus.objects.create(
                novel=novel, owner_id=user.pk, is_public=novel.is_public
            )
            documents_rebuild(novel_id=novel.pk)
        api = _Api(bearer(token_create(user=user)[0]))
        with _running_task(novel) as step:
            yield [
                Write("PATCH /novels/{novel_id}/", lambda n: api.rename(novel.pk, n)),
                Write("POST /comics/", api.create_comic),
                Write("POST /comics/{comic_id}/panels/", api.add_panel),
                Write("a worker's status step", step),
            ]
    finally:
        with write_transaction(as_user=user.pk):
            Comic.objects.filter(owner=user).delete()
            Novel.objects.filter(owner=user).delete()
        with write_transaction(as_staff=True):
            User.objects.filter(pk=user.pk).delete()


class _Api:
    """Sends requests to the application of this process, with a token."""

    def __init__(self, headers: dict[str, str]) -> None:
        self._headers = headers
        self._application = get_wsgi_application()
        self._comic_id = 0

    def rename(self, novel_id: int, number: int) -> None:
        self._send(
            example("PATCH /novels/{novel_id}/"),
            {"novel_id": novel_id},
            {"title": f"Novel {number}"},
        )

    def create_comic(self, number: int) -> str:
        return self._send(example("POST /comics/"), {}, {"title": f"Comic {number}"})

    def add_panel(self, number: int) -> None:
        if number % _PANELS_OF_COMIC == 0:
            self._comic_id = int(self.create_comic(number).rstrip("/").rsplit("/", 1)[1])
        sent = example("POST /comics/{comic_id}/panels/")
        self._send(sent, {"comic_id": self._comic_id}, {"caption": f"Panel {number}"})

    def _send(self, sent: ExampleRequest, values: dict[str, Any], body: dict[str, str]) -> str:
        """Send a request; return the header `Location`."""
        request = sent.build(values, body=body, headers=self._headers)
        started: dict[str, Any] = {}

        def start_response(status: str, headers: list[tuple[str, str]], *error: Any) -> Any:
            started.update(status=status, headers=dict(headers))

        environ: dict[str, Any] = {
            "REQUEST_METHOD": request.method,
            "PATH_INFO": request.path,
            "QUERY_STRING": "",
            "SERVER_NAME": served_host(),
            "SERVER_PORT": "80",
            "REMOTE_ADDR": "127.0.0.1",
            "CONTENT_LENGTH": str(len(request.body)),
            "wsgi.input": io.BytesIO(request.body),
            "wsgi.url_scheme": "https",
        }
        for name, value in request.headers.items():
            key = name.upper().replace("-", "_")
            environ[key if key == "CONTENT_TYPE" else f"HTTP_{key}"] = value
        response: Any = self._application(environ, start_response)
        text = b"".join(response)
        response.close()
        if started["status"][0] != "2":
            raise CommandError(f"{sent.name}: {started['status']} {text.decode()}")
        return str(started["headers"].get("Location", ""))


@contextmanager
def _running_task(novel: Novel) -> Iterator[Callable[[int], None]]:
    """Claim a parse of the novel as a worker does; yield a function that reports progress."""
    parse_upload.enqueue(novel_id=novel.pk, owner_id=novel.owner_id, given=[])
    with Lease() as lease:
        row = claim_task(lease)
        while row is not None and row.args_kwargs["kwargs"].get("novel_id") != novel.pk:
            row = claim_task(lease)
        token = running_task.set(row)

        def step(number: int) -> None:
            status_advance(
                novel_id=novel.pk, owner_id=novel.owner_id, stage="chapters", progress=number % 100
            )

        try:
            yield step
        finally:
            running_task.reset(token)
            parses = DBTaskResult.objects.filter(task_path=parse_upload.module_path)
            parses.filter(args_kwargs__kwargs__novel_id=novel.pk).update(
                status=TaskResultStatus.FAILED, finished_at=timezone.now()
            )
            release_connections()
