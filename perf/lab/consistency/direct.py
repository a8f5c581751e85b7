"""A thread that writes and reads the database through Django, as the worker does."""

from __future__ import annotations

import time
from collections.abc import Iterator
from contextlib import contextmanager
from random import Random
from threading import Event

import psycopg
from django.db import InterfaceError, OperationalError, connection

from morpheus.cache.outbox import connect
from morpheus.db.transactions import write_transaction
from novels.models import ChapterText, Novel, ProcessingStatus
from novels.services import status_advance
from users.models import PublicUser

from .history import Log, Observation, Recorder, Write
from .rows import novel_card
from .scene import Scene

# Between two steps, each a write or a read of all rows.
PAUSE_S = 0.05
# A write by psql counts as acknowledged so long after its commit: docs/caching.md says how soon
# servers notice it.
OUTSIDE_S = 2.0


def run_direct(scene: Scene, stop: Event, seed: int) -> Log:
    """Write statuses and texts, and read committed rows without any cache; return the log."""
    random = Random(seed)  # noqa: S311 - to be repeatable
    recorder = Recorder()
    version = 0
    while not stop.wait(PAUSE_S):
        version += 1
        step = random.choice((_advance, _rewrite, _rewrite_outside, _read_all, _read_all))
        try:
            step(scene, recorder, random, f"v{version}")
        except (OperationalError, InterfaceError, psycopg.OperationalError) as error:
            recorder.record_failure(f"direct {type(error).__name__}")
            connection.close()
    connection.close()
    return recorder.log


def _advance(scene: Scene, recorder: Recorder, random: Random, unique: str) -> None:
    novel_id, owner_id = _choose_novel(scene, random)
    with _recorded_write(recorder, f"status {novel_id}", {"status": unique}):
        status_advance(novel_id=novel_id, owner_id=owner_id, stage=unique, progress=50)


def _rewrite(scene: Scene, recorder: Recorder, random: Random, unique: str) -> None:
    novel_id, owner_id = _choose_novel(scene, random)
    with (
        _recorded_write(recorder, f"text {novel_id}", {"text": unique}),
        write_transaction(as_user=owner_id),
    ):
        ChapterText.objects.filter(chapter__novel_id=novel_id).update(content=unique)


def _rewrite_outside(scene: Scene, recorder: Recorder, random: Random, unique: str) -> None:
    """Write as psql does: only the database's triggers tell the cache."""
    novel_id, owner_id = _choose_novel(scene, random)
    with (
        connect("consistency checker") as outside,
        _recorded_write(recorder, f"text {novel_id}", {"text": unique}, OUTSIDE_S),
    ):
        outside.execute("SELECT set_config('app.user_id', %s, false)", [str(owner_id)])
        outside.execute(
            "UPDATE novels_chaptertext SET content = %s "
            "WHERE chapter_id IN (SELECT id FROM novels_chapter WHERE novel_id = %s)",
            [unique, novel_id],
        )


def _read_all(scene: Scene, recorder: Recorder, random: Random, unique: str) -> None:
    """Read the committed rows: every later read must show them, acknowledged or not."""
    began = time.monotonic()
    with write_transaction(as_staff=True):
        novels = Novel.objects.select_related("genre", "language").filter(pk__in=scene.novels)
        statuses = ProcessingStatus.objects.filter(pk__in=scene.novels)
        users = PublicUser.objects.filter(pk__in=[owner.id for owner in scene.owners])
        observations = [
            *(Observation(f"novel {row.pk}", "own", novel_card(_fields(row))) for row in novels),
            *(Observation(f"status {row.pk}", "status", row.stage) for row in statuses),
            *(Observation(f"user {row.pk}", "name", row.display_name) for row in users),
        ]
    recorder.record_read(recorder.number_response(observations), began, time.monotonic())


@contextmanager
def _recorded_write(
    recorder: Recorder, row: str, shows: dict[str, str], late_s: float = 0.0
) -> Iterator[None]:
    """Record the block as a write, acknowledged `late_s` after its end; it failed if it raises."""
    began, ended = time.monotonic(), float("inf")
    try:
        yield
        ended = time.monotonic() + late_s
    finally:
        recorder.record_write(Write(row, shows, began, ended))


def _choose_novel(scene: Scene, random: Random) -> tuple[int, int]:
    novel_id = random.choice(list(scene.novels))
    return novel_id, scene.owners[scene.owner_of[f"novel {novel_id}"]].id


def _fields(novel: Novel) -> dict[str, str]:
    return {
        "title": novel.title,
        "synopsis": novel.synopsis,
        "visibility": "public" if novel.is_public else "private",
        "genre": novel.genre.slug if novel.genre else "",
        "language": novel.language.code if novel.language else "",
    }
