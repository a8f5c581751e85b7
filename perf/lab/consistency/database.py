"""The rows of a run in the database: made before it, written and read through Django in it."""

from __future__ import annotations

import itertools
import time
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from random import Random
from secrets import token_hex
from threading import Event
from typing import Any

import psycopg
from django.core.management.base import CommandError
from django.db import InterfaceError, OperationalError, connection

from comics.models import Comic
from morpheus.cache.outbox import connect
from morpheus.db.transactions import write_transaction
from novels.models import (
    Chapter,
    ChapterText,
    Genre,
    Language,
    Novel,
    NovelUpload,
    ProcessingStatus,
)
from novels.services.processing import status_advance, status_fail
from perf.lab.example_catalogue import example
from perf.lab.example_requests import bearer
from perf.lab.harness.databases import session_start
from perf.lab.harness.http_client import BadResponse, Connection
from users.models import PublicUser, User, belonging_to
from users.services.tokens import token_create

from .history import Log, Observation, Write
from .scene import (
    FIRST_PROFILE,
    NOVEL,
    Owner,
    Scene,
    first_novel,
    first_strip,
    join_fields,
    status_shows,
)

OWNERS = 2
# Of the e-mail addresses of users that are made here.
DOMAIN = "@checker.invalid"
# Between two steps, each a write or a read of all rows.
PAUSE_S = 0.05
# A write by psql counts as acknowledged so long after its commit: docs/caching.md says how soon
# servers notice it.
OUTSIDE_S = 2.0
DATABASE_FAILURES = (OperationalError, InterfaceError, psycopg.OperationalError)


@dataclass(frozen=True, slots=True)
class Size:
    """Numbers of rows; fewer are hotter."""

    novels: int = 10
    strips: int = 4
    slots: int = 6


def build_scene(size: Size, *, is_alone: bool = True) -> Scene:
    """Delete the novels and comics of earlier runs and make the hot ones.

    Args:
        is_alone: Whether a database with other rows is refused.

    Raises:
        CommandError: There are users that were not made here.
    """
    with write_transaction(as_staff=True):
        if is_alone and User.objects.exclude(email__endswith=DOMAIN).exists():
            raise CommandError(
                "There are other users in this database: its novels stay. Use a MORPHEUS_VAR of "
                "its own."
            )
        own = User.objects.filter(email__endswith=DOMAIN).values("pk")
        Comic.objects.filter(owner__in=own).delete()
        Novel.objects.filter(owner__in=own).delete()
    scene = Scene([_make_owner() for _ in range(OWNERS)], {}, {}, [], {})
    turns = itertools.cycle(scene.owners)
    for owner in scene.owners:
        scene.owner_of[f"user {owner.id}"] = owner
    for number in range(size.novels):
        owner, state = next(turns), first_novel(number)
        novel_id = make_novel(state, owner.id)
        scene.novels[novel_id] = state
        scene.owner_of[f"novel {novel_id}"] = owner
        if number < size.strips:
            strip_id = _make_strip(owner.id, novel_id)
            scene.strips[strip_id] = novel_id
            scene.owner_of[f"strip {strip_id}"] = owner
    for number in range(size.slots):
        scene.slots.append(f"Slot {number}")
        scene.owner_of[f"Slot {number}"] = next(turns)
    return scene


def make_user(password: str) -> User:
    """Create a user with the first profile."""
    email = f"{token_hex(8)}{DOMAIN}"
    user: User = User.objects.create_user(email, password, **FIRST_PROFILE)
    return user


def _make_owner() -> Owner:
    user = make_user(token_hex(16))
    secret, _ = token_create(user=user)
    return Owner(user.pk, secret, session_start(user))


def _make_strip(owner_id: int, novel_id: int) -> int:
    title = first_strip(novel_id)["title"]
    with write_transaction(as_user=owner_id):
        row = Comic.objects.create(
            title=title, owner_id=owner_id, novel_id=novel_id, is_public=True
        )
    return int(row.pk)


def make_novel(state: dict[str, str], owner_id: int) -> int:
    """Create a novel with a chapter; return its id."""
    with write_transaction(as_user=owner_id):
        novel = Novel.objects.create(
            title=state["title"],
            synopsis=state["synopsis"],
            is_public=state["visibility"] == "public",
            genre=Genre.objects.get(slug=state["genre"]),
            language=Language.objects.get(code=state["language"]),
            owner_id=owner_id,
            chapter_count=1,
            word_count=1,
        )
        belongs = belonging_to(novel)
        ProcessingStatus.objects.create(novel=novel, state="processing", stage="v0", **belongs)
        chapter = Chapter.objects.create(
            novel=novel, number=1, title="One", word_count=1, **belongs
        )
        ChapterText.objects.create(chapter=chapter, content="v0", **belongs)
        # No file, because nothing parses it.
        NovelUpload.objects.create(
            novel=novel, owner_id=owner_id, digest=token_hex(32), path="nowhere", size_bytes=1
        )
    return int(novel.pk)


def run_direct(scene: Scene, ports: Sequence[int], stop: Event) -> Log:
    """Write statuses and texts, and read committed rows without any cache; return the log.

    Args:
        ports: Of servers on which failed novels are parsed again; none if a worker would do so.
    """
    random = Random(1)  # noqa: S311 - to be repeatable
    log = Log()
    writes = (_advance, _rewrite, _rewrite_outside, None, None)
    connections = [Connection(port) for port in ports]

    def parse_again(log: Log, novel_id: int, owner_id: int, unique: str) -> None:
        owner = scene.owner_of[f"novel {novel_id}"]
        _parse_again(log, novel_id, owner, unique, random.choice(connections))

    for version in itertools.count(1):
        if stop.wait(PAUSE_S):
            break
        novel_id = random.choice(list(scene.novels))
        owner_id = scene.owner_of[f"novel {novel_id}"].id
        write = random.choice((*writes, parse_again) if connections else writes)
        try:
            if write is None:
                _read_all(scene, log)
            else:
                write(log, novel_id, owner_id, f"v{version}")
        except (*DATABASE_FAILURES, OSError, BadResponse) as error:
            log.failures[f"direct {type(error).__name__}"] += 1
            connection.close()
    connection.close()
    for each in connections:
        log.retries += each.retries
        each.close()
    return log


def _advance(log: Log, novel_id: int, owner_id: int, unique: str) -> None:
    with recorded_write(log, {f"status {novel_id}": status_shows("processing", unique)}):
        status_advance(novel_id=novel_id, owner_id=owner_id, stage=unique, progress=50)


def _parse_again(
    log: Log, novel_id: int, owner: Owner, unique: str, connection: Connection
) -> None:
    """Let a parse fail, and queue another one over HTTP."""
    row = f"status {novel_id}"
    with recorded_write(log, {row: status_shows("failed", message=unique)}):
        status_fail(novel_id=novel_id, owner_id=owner.id, message=unique)
    request = example("POST /novels/{novel_id}/parse/").build(
        {"novel_id": novel_id}, headers=bearer(owner.token)
    )
    with recorded_write(log, {row: status_shows("pending")}):
        response = connection.exchange_with_retries(request)
        if response.status != 202:
            raise BadResponse(f"{request.path}: {response.status}")


def _rewrite(log: Log, novel_id: int, owner_id: int, unique: str) -> None:
    with (
        recorded_write(log, {f"text {novel_id}": {"text": unique}}),
        write_transaction(as_user=owner_id),
    ):
        ChapterText.objects.filter(chapter__novel_id=novel_id).update(content=unique)


def _rewrite_outside(log: Log, novel_id: int, owner_id: int, unique: str) -> None:
    statement = (
        "UPDATE novels_chaptertext SET content = %s "
        "WHERE chapter_id IN (SELECT id FROM novels_chapter WHERE novel_id = %s)"
    )
    shows = {f"text {novel_id}": {"text": unique}}
    write_outside(log, owner_id, {statement: [unique, novel_id]}, shows)


def write_outside(
    log: Log, user_id: int, statements: Mapping[str, list[Any]], shows: dict[str, dict[str, str]]
) -> None:
    """Execute statements with their parameters as psql does, in one transaction.

    Only the database's triggers tell the cache.
    """
    with (
        connect("consistency checker") as outside,
        recorded_write(log, shows, OUTSIDE_S),
        outside.transaction(),
    ):
        outside.execute("SELECT set_config('app.user_id', %s, true)", [str(user_id)])
        for statement, parameters in statements.items():
            outside.execute(statement, parameters)


def _read_all(scene: Scene, log: Log) -> None:
    """Read the committed rows: every later read must show them, acknowledged or not."""
    began = time.monotonic()
    with write_transaction(as_staff=True):
        novels = Novel.objects.select_related("genre", "language").filter(pk__in=scene.novels)
        statuses = ProcessingStatus.objects.filter(pk__in=scene.novels)
        users = PublicUser.objects.filter(pk__in=[owner.id for owner in scene.owners])
        observations = [
            *(Observation(f"novel {row.pk}", "own", _novel_value(row)) for row in novels),
            *(
                Observation(f"status {row.pk}", view, value)
                for row in statuses
                for view, value in status_shows(row.state, row.stage, row.message).items()
            ),
            *(Observation(f"user {row.pk}", "name", row.display_name) for row in users),
        ]
    log.record_read(log.number_response(observations), began, time.monotonic())


def _novel_value(novel: Novel) -> str:
    fields = {
        "title": novel.title,
        "synopsis": novel.synopsis,
        "visibility": "public" if novel.is_public else "private",
        "genre": novel.genre.slug if novel.genre else "",
        "language": novel.language.code if novel.language else "",
    }
    return join_fields(fields, NOVEL)


@contextmanager
def recorded_write(
    log: Log, shows: dict[str, dict[str, str]], late_s: float = 0.0
) -> Iterator[None]:
    """Record the block as a write of rows, acknowledged `late_s` after its end.

    It failed if it raises.

    Args:
        shows: The values of each view, by row.
    """
    began, ended = time.monotonic(), float("inf")
    try:
        yield
        ended = time.monotonic() + late_s
    finally:
        log.writes += [Write(row, values, began, ended) for row, values in shows.items()]
