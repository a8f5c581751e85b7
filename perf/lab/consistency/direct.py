"""A process that writes and reads the database through Django, as the worker does."""

from __future__ import annotations

import time
from multiprocessing.synchronize import Barrier, Event
from random import Random
from typing import Any

import psycopg

from .crowd import START_TIMEOUT_S
from .history import Log, Observation, Recorder, Write
from .rows import novel_card
from .scene import Scene

# Between two steps, each a write or a look at all rows.
PAUSE_S = 0.05
# A change by psql counts as acknowledged so long after its commit: docs/caching.md says how soon
# servers notice it.
OUTSIDE_S = 2.0


def run_direct(gate: Barrier, scene: Scene, stop: Event, seed: int) -> Log:
    """Write statuses and texts, and look past every cache at what is committed; return the log."""
    import django

    django.setup()
    from django.db import InterfaceError, OperationalError, connections

    chance = Random(seed)  # noqa: S311 - to be repeatable
    recorder = Recorder()
    version = 0
    gate.wait(START_TIMEOUT_S)
    while not stop.wait(PAUSE_S):
        version += 1
        step = chance.choice((_advance, _rewrite, _rewrite_outside, _look, _look))
        try:
            step(scene, recorder, chance, f"v{version}")
        except (OperationalError, InterfaceError, psycopg.OperationalError) as error:
            recorder.fail(f"direct {type(error).__name__}")
            connections["default"].close()
    connections["default"].close()
    connections["default"].close_pool()  # type: ignore[attr-defined]
    return recorder.log


def _advance(scene: Scene, recorder: Recorder, chance: Random, unique: str) -> None:
    from novels.services.status import status_advance

    novel_id, owner_id = _any_novel(scene, chance)
    with _Writing(recorder, f"status {novel_id}", {"status": unique}):
        status_advance(novel_id=novel_id, owner_id=owner_id, stage=unique, progress=50)


def _rewrite(scene: Scene, recorder: Recorder, chance: Random, unique: str) -> None:
    from morpheus.db.transactions import write_transaction
    from novels.models import ChapterText

    novel_id, owner_id = _any_novel(scene, chance)
    with (
        _Writing(recorder, f"text {novel_id}", {"text": unique}),
        write_transaction(as_user=owner_id),
    ):
        ChapterText.objects.filter(chapter__novel_id=novel_id).update(content=unique)


def _rewrite_outside(scene: Scene, recorder: Recorder, chance: Random, unique: str) -> None:
    """Write as psql does: nobody but the database's triggers tells the cache."""
    from morpheus.cache.outbox import connect

    novel_id, owner_id = _any_novel(scene, chance)
    with (
        connect("consistency checker") as connection,
        _Writing(recorder, f"text {novel_id}", {"text": unique}, OUTSIDE_S),
    ):
        connection.execute("SELECT set_config('app.user_id', %s, false)", [str(owner_id)])
        connection.execute(
            "UPDATE novels_chaptertext SET content = %s "
            "WHERE chapter_id IN (SELECT id FROM novels_chapter WHERE novel_id = %s)",
            [unique, novel_id],
        )


def _look(scene: Scene, recorder: Recorder, chance: Random, unique: str) -> None:
    """Read what is committed: from then on everybody could know it, acknowledged or not."""
    from morpheus.db.transactions import write_transaction
    from novels.models import Novel, ProcessingStatus
    from users.models import PublicUser

    began = time.monotonic()
    with write_transaction(as_staff=True):
        novels = Novel.objects.select_related("genre", "language").filter(pk__in=scene.novels)
        shown = [
            Observation(f"novel {novel.pk}", "own", novel_card(_fields(novel))) for novel in novels
        ]
        shown += [
            Observation(f"status {status.pk}", "status", status.stage)
            for status in ProcessingStatus.objects.filter(pk__in=scene.novels)
        ]
        shown += [
            Observation(f"user {user.pk}", "name", user.display_name)
            for user in PublicUser.objects.filter(pk__in=[owner.id for owner in scene.owners])
        ]
    recorder.read(recorder.answer_number(shown), began, time.monotonic())


class _Writing:
    """Records the block as a write, which failed if it raises.

    It counts as acknowledged `late_s` after its end.
    """

    def __init__(
        self, recorder: Recorder, row: str, shows: dict[str, str], late_s: float = 0.0
    ) -> None:
        self._recorder, self._row, self._shows, self._late_s = recorder, row, shows, late_s

    def __enter__(self) -> None:
        self._began = time.monotonic()

    def __exit__(self, kind: Any, *_: object) -> None:
        ended = time.monotonic() + self._late_s if kind is None else float("inf")
        self._recorder.write(Write(self._row, self._shows, self._began, ended))


def _any_novel(scene: Scene, chance: Random) -> tuple[int, int]:
    novel_id = chance.choice(list(scene.novels))
    return novel_id, scene.owners[scene.owner_of[f"novel {novel_id}"]].id


def _fields(novel: Any) -> dict[str, str]:
    return {
        "title": novel.title,
        "synopsis": novel.synopsis,
        "visibility": "public" if novel.is_public else "private",
        "genre": novel.genre.slug,
        "language": novel.language.code,
    }
