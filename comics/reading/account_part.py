"""The reading progress of a user: exported as one file, and deleted with the user."""

from __future__ import annotations

from collections.abc import Iterable, Iterator

import orjson

from comics.reading.models import Progress
from morpheus.db.transactions import read_as
from users.account_parts import AccountPart, ExportFile, read_rows

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
    yield b"["
    comma = b""
    own = Progress.objects.filter(user_id=user_id)
    for place in read_rows(user_id, own, _COLUMNS, size=_ROWS):
        del place["id"]
        yield comma + orjson.dumps(place)
        comma = b","
    yield b"]"


# The foreign key deletes the rows with the user.
READING = AccountPart(count=_count, export=_export, delete=lambda user_id: False)
