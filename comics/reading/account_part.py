"""The reading progress of a user: exported as one file, and deleted with the user."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from functools import partial
from typing import Any

import orjson

from comics.reading.models import Progress
from morpheus.db.transactions import read_as
from users.account_parts import AccountPart, ExportFile

# Rows of one statement.
_ROWS = 1000

# Also of works that the user can no longer see: of these only the id.
_COLUMNS = ("id", "novel_id", "comic_id", "number", "position", "is_finished", "read_at")


def _count(user_id: int) -> int:
    return int(read_as(user_id, Progress.objects.filter(user_id=user_id).exists))


def _export(user_id: int) -> Iterator[Iterable[ExportFile]]:
    if _count(user_id):
        yield [ExportFile("reading.json", lambda: _render(user_id))]


def _render(user_id: int) -> Iterator[bytes]:
    """Return all places as JSON, some rows at a time."""
    last, before = 0, b"["
    while True:
        rows = Progress.objects.filter(user_id=user_id, pk__gt=last).order_by("pk")
        places: list[dict[str, Any]] = read_as(
            user_id, partial(list, rows.values(*_COLUMNS)[:_ROWS])
        )
        for place in places:
            last = place.pop("id")
            yield before + orjson.dumps(place)
            before = b","
        if len(places) < _ROWS:
            break
    yield b"]"


# The foreign key deletes the rows with the user.
READING = AccountPart(count=_count, export=_export, delete=lambda user_id: False)
