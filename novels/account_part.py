"""The novels of a user: exported with their texts and files, and deleted one by one."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from pathlib import PurePath
from typing import Any

import orjson

from morpheus.db.transactions import read_as, write_transaction
from morpheus.worker.tasks import hold_task
from novels.models import Chapter, Novel
from novels.services.novels import novel_delete
from users.account_parts import AccountPart, ExportFile, read_rows, stored_file

# Rows of one statement; chapters have their texts with them.
_NOVELS, _CHAPTERS = 100, 10

_COLUMNS = (
    *("id", "title", "author", "synopsis", "genre__slug", "language__code", "is_public"),
    *("word_count", "chapter_count", "created_at", "updated_at"),
    *("upload__filename", "upload__path", "upload__uploaded_at"),
)
_CHAPTER_COLUMNS = ("number", "title", "word_count", "text__content")


def _count(user_id: int) -> int:
    return read_as(user_id, Novel.objects.owned_by(user_id).count)


def _export(user_id: int) -> Iterator[Iterable[ExportFile]]:
    own = Novel.objects.owned_by(user_id)
    for novel in read_rows(user_id, own, _COLUMNS, size=_NOVELS):
        yield _list_files(user_id, novel)


def _list_files(user_id: int, novel: dict[str, Any]) -> Iterator[ExportFile]:
    folder, path = f"novels/{novel['id']}", novel.pop("upload__path")
    yield ExportFile(f"{folder}/novel.json", lambda: _render(user_id, novel))
    if path:
        # Not the name that the user gave it, which an archive may not be able to have.
        yield stored_file(f"{folder}/upload{PurePath(path).suffix}", "uploads", path)


def _render(user_id: int, novel: dict[str, Any]) -> Iterator[bytes]:
    """Return a novel with its chapters as JSON, some chapters at a time."""
    shown = {name.replace("__", "_"): value for name, value in novel.items()}
    yield orjson.dumps(shown).removesuffix(b"}") + b',"chapters":['
    comma = b""
    chapters = Chapter.objects.of_novel(novel["id"])
    for chapter in read_rows(user_id, chapters, _CHAPTER_COLUMNS, size=_CHAPTERS, key="number"):
        chapter["content"] = chapter.pop("text__content")
        yield comma + orjson.dumps(chapter)
        comma = b","
    yield b"]}"


def _delete(user_id: int) -> bool:
    with write_transaction(as_user=user_id):
        hold_task()
        novel_id = Novel.objects.owned_by(user_id).values_list("pk", flat=True).first()
        if novel_id is None:
            return False
        try:
            novel_delete(novel_id=novel_id, owner_id=user_id)
        except Novel.DoesNotExist:
            pass  # Another run has deleted it.
    return True


NOVELS = AccountPart(count=_count, export=_export, delete=_delete)
