"""Numbered pages (`?page=4711`), reached from signposts by at most 1,000 entries of an index.

A signpost is the key of a row: the values of the ordering columns. A list has one for every
1,000th row, so a page of any depth is a keyset seek and a short way on. docs/pagination.md says how
numbers drift.
"""

from __future__ import annotations

import threading
import time
from collections.abc import Callable, Sequence
from typing import Any

from rest_framework.exceptions import NotFound, ValidationError

from morpheus.api.selected_rows import SelectedRows
from morpheus.cache.cached_reads import is_cache_usable, read
from morpheus.cache.dependencies import current_dependencies
from morpheus.cache.policies import CachePolicy
from morpheus.db.transactions import read_as
from morpheus.pagination import Position

PAGE_PARAMETER = "page"

# Rows between two signposts: the most index entries that a jump passes.
STEP = 1000
# Deeper pages have no number. It bounds the work for the signposts of one list, and their size.
MAX_ROWS = 2_000_000

# Signposts of one ordering with its filters. No write to a public list invalidates them, because
# each would cost a scan of the index; they expire. Those of the rows of a parent, or of the
# caller's own, have the tags of their pages.
SIGNPOSTS = CachePolicy(
    "lists.signposts", version=1, ttl_s=600, max_bytes=2**20, lease_s=2.0, may_drift=True
)

_ROW = "{} LIMIT 1 OFFSET %s"
_EVERY_STEP = (
    "SELECT * FROM (SELECT listed.*, row_number() OVER (ORDER BY {order}) AS place "
    "FROM ({{}} LIMIT %s) listed) placed WHERE place > 1 AND place %% {step} = 1 ORDER BY place"
)

# Lists whose signposts a process keeps for the time in which the cache is not usable.
_MAX_LOCAL = 16


class NoSuchPage(NotFound):
    """404: the list has fewer pages."""

    default_code = "page_not_found"
    default_detail = "This list has no page of this number."


def parse_page(params: Any, cursor_parameter: str) -> int:
    """Return the number of a page.

    Raises:
        ValidationError: It is not a whole number above 0, or there is a cursor as well.
    """
    text: str = params[PAGE_PARAMETER]
    if cursor_parameter in params:
        message = f"Give `{PAGE_PARAMETER}` or `{cursor_parameter}`, not both."
        raise ValidationError({PAGE_PARAMETER: [message]}, "page_with_cursor")
    # At most 9 digits, and one spelling for each number, as for the size of a page.
    if not (text.isascii() and text.isdigit() and len(text) <= 9) or text[0] == "0":
        raise ValidationError({PAGE_PARAMETER: ["Give a whole number above 0."]})
    return int(text)


def find_row(
    selected: SelectedRows, ordering: tuple[str, ...], identity: Sequence[Any], offset: int
) -> Position | None:
    """Return the position of the row behind `offset` others; None for the first one.

    At most 2 queries: the signposts, and the row.

    Args:
        identity: Tells apart lists, filters, orderings and callers, but not pages.

    Raises:
        NoSuchPage: The list has no such row.
        ValidationError: The row is too deep for a number.
    """
    if not offset:
        return None
    if offset >= MAX_ROWS:
        message = f"The first {MAX_ROWS:,} rows have page numbers. Follow `cursor` to the others."
        raise ValidationError({PAGE_PARAMETER: [message]}, "page_too_deep")
    number, start = offset // STEP, None
    if number:
        signposts = read_signposts(selected, ordering, identity)
        if number > len(signposts):
            raise NoSuchPage
        start = Position(False, True, selected.parse_key(ordering, signposts[number - 1]))
    rows = selected.cached(
        ("row", identity, start, offset % STEP),
        ordering,
        selected.keys(ordering, start, _ROW, offset % STEP),
    )
    if not rows:
        raise NoSuchPage
    return Position(False, True, selected.parse_key(ordering, rows[0]))


def read_signposts(
    selected: SelectedRows, ordering: tuple[str, ...], identity: Sequence[Any]
) -> list[Any]:
    """Return the keys of rows 1,000, 2,000 and so on: 1 query, or none if they are cached."""
    order = ", ".join(
        f'"{column.removeprefix("-")}"{" DESC" if column[0] == "-" else ""}' for column in ordering
    )
    load = selected.keys(ordering, None, _EVERY_STEP.format(order=order, step=STEP), MAX_ROWS)

    def load_keys() -> list[Any]:
        return [row[:-1] for row in load()]

    reader_id = selected.scope.reader_id
    name = selected.digest(tuple(identity))
    if not is_cache_usable():
        return _local.get((name, reader_id), lambda: read_as(reader_id, load_keys))
    is_exact = selected.read.parent is not None or reader_id is not None
    tags = selected.tags(ordering) if is_exact else []
    signposts: list[Any] = read(SIGNPOSTS, name, tags=tags, load=load_keys, reader_id=reader_id)
    if not is_exact:
        # No tag tells when the response would be another one.
        current_dependencies().is_complete = False
    return signposts


class _LocalSignposts:
    """Signposts in this process, for the time without a cache: one list at a time is scanned."""

    def __init__(self) -> None:
        self._lists: dict[Any, tuple[float, list[Any]]] = {}
        self._lock = threading.Lock()

    def get(self, key: Any, load: Callable[[], list[Any]]) -> list[Any]:
        with self._lock:
            expires_at, signposts = self._lists.get(key, (0.0, []))
            if expires_at < time.monotonic():
                signposts = load()
                self._lists.pop(key, None)
                self._lists[key] = (time.monotonic() + SIGNPOSTS.ttl_s, signposts)
                if len(self._lists) > _MAX_LOCAL:
                    del self._lists[next(iter(self._lists))]
            return signposts


_local = _LocalSignposts()
