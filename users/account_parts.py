"""What each app keeps for a user: how it is exported, and how it is deleted.

Other apps register their parts, because this app may not import them. What refers to a user by a
foreign key that cascades needs no part to be deleted.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator, Sequence
from dataclasses import dataclass
from functools import partial
from typing import Any

from django.db.models import QuerySet

from morpheus.db.transactions import read_as
from morpheus.storage.files import open_file

_PIECE_BYTES = 256 * 1024


@dataclass(frozen=True, slots=True)
class ExportFile:
    """A file of an archive.

    Attributes:
        name: Its path there.
        read: Returns the content piece by piece; raises FileNotFoundError if it is lost.
        is_compressed: Whether the content is, as pictures are.
    """

    name: str
    read: Callable[[], Iterator[bytes]]
    is_compressed: bool = False


@dataclass(frozen=True, slots=True)
class AccountPart:
    """What one app keeps for users.

    Attributes:
        count: Returns how many items a user has.
        export: Yields the files of each item of a user, read piece by piece outside of
            transactions.
        delete: Deletes an item of a user with its files, in one transaction; returns whether there
            was one.
    """

    count: Callable[[int], int]
    export: Callable[[int], Iterator[Iterable[ExportFile]]]
    delete: Callable[[int], bool]


# In the order of the apps: each may refer to the earlier ones.
account_parts: dict[str, AccountPart] = {}


def stored_file(name: str, alias: str, path: str) -> ExportFile:
    """Return a file of a storage as it is."""

    def read() -> Iterator[bytes]:
        with open_file(alias, path) as file:
            while piece := file.read(_PIECE_BYTES):
                yield piece

    return ExportFile(name, read, is_compressed=True)


def read_rows(
    user_id: int, rows: QuerySet[Any], columns: Sequence[str], *, size: int, key: str = "id"
) -> Iterator[dict[str, Any]]:
    """Yield columns of rows as their user, outside of transactions.

    Args:
        size: Rows of one statement.
        key: A positive number of each row, one of `columns`, by which the rows are ordered.
    """
    last = 0
    while True:
        later = rows.filter(**{f"{key}__gt": last}).order_by(key)
        batch: list[dict[str, Any]] = read_as(user_id, partial(list, later.values(*columns)[:size]))
        if batch:
            last = batch[-1][key]  # First: the reader of a row may change it.
        yield from batch
        if len(batch) < size:
            return
