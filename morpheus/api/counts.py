"""How many rows a list has, for a client that wants to know: `Prefer: count=exact`."""

from __future__ import annotations

import time
from collections.abc import Sequence
from typing import Any, NamedTuple

from django.db import OperationalError, connections

from morpheus.api.page_jumps import STEP, read_signposts
from morpheus.api.selected_rows import SelectedRows
from morpheus.cache.cached_reads import is_cache_usable, read
from morpheus.cache.policies import CachePolicy
from morpheus.db.replica import reading_alias
from morpheus.db.statement_settings import is_canceled, statement_timeout
from morpheus.db.transactions import read_as
from morpheus.pagination import Position

EXACT, ESTIMATED = "exact", "estimated"

# The number of rows of a list under its filters.
COUNT = CachePolicy("lists.count", version=1, ttl_s=3600, lease_s=1.0)

# Of one count. An index-only scan counts a million rows in about a quarter of a second, and each
# write to the list may ask for another one.
_LIMIT_S = 0.25

# A list whose count took longer is not counted again for this time; a process remembers a few.
_PAUSE_S = 60.0
_MAX_TOO_LONG = 64

_COUNT = "SELECT count(*) FROM ({} LIMIT %s) listed"
# Beyond any list.
_ALL = 2**62


# When to count again, in seconds of `time.monotonic()`, by the list's name.
_too_long: dict[str, float] = {}


class TooManyRows(Exception):
    """Counting the list takes too long."""


class Count(NamedTuple):
    """A number of rows, and the preference that it satisfies."""

    rows: int
    applied: str


def count_rows(
    selected: SelectedRows, ordering: tuple[str, ...], identity: Sequence[Any], preference: str
) -> Count:
    """Return the number of rows of a list; an estimate if the exact number takes too long.

    Args:
        ordering: An ordering of the list, whose index is counted.
        identity: Tells apart lists, filters, orderings and callers, but not pages.
    """
    if preference == EXACT:
        try:
            return Count(_count_exactly(selected, identity), EXACT)
        except TooManyRows:
            pass
    return Count(_estimate(selected, ordering, identity), ESTIMATED)


def _count_exactly(selected: SelectedRows, identity: Sequence[Any]) -> int:
    """Return the number that triggers keep, or count: 1 query, or none if it is cached.

    Raises:
        TooManyRows: PostgreSQL canceled the count.
    """
    declared, reader_id = selected.read, selected.scope.reader_id
    ordering = declared.orderings[declared.default_ordering]
    load_count = selected.keys(ordering, None, _COUNT, _ALL)
    path, filters, _, scope = identity
    name = selected.digest((path, filters, scope))
    if _too_long.get(name, 0.0) > time.monotonic():
        raise TooManyRows

    def load() -> int:
        if declared.kept_count is not None and reader_id is None:
            kept = declared.kept_count(selected.filters)
            if kept is not None:
                return kept
        try:
            with statement_timeout(connections[reading_alias()], _LIMIT_S):
                [(rows,)] = load_count()
        except OperationalError as error:
            if not is_canceled(error):
                raise
            if len(_too_long) >= _MAX_TOO_LONG:
                _too_long.clear()
            _too_long[name] = time.monotonic() + _PAUSE_S
            raise TooManyRows from error
        return int(rows)

    if not is_cache_usable():
        return read_as(reader_id, load)
    rows: int = read(COUNT, name, tags=selected.tags(ordering), load=load, reader_id=reader_id)
    return rows


def _estimate(selected: SelectedRows, ordering: tuple[str, ...], identity: Sequence[Any]) -> int:
    """Return about how many rows there are: at most 3 queries.

    Up to 1,000 rows the number is exact. Of more, each signpost stands for 1,000, and the rows
    behind the last one are counted.
    """
    rows = _count_from(selected, ordering, identity, None)
    if rows <= STEP:
        return rows
    signposts = read_signposts(selected, ordering, identity)
    if not signposts:
        return rows
    last = Position(False, True, selected.parse_key(ordering, signposts[-1]))
    return STEP * len(signposts) + _count_from(selected, ordering, identity, last)


def _count_from(
    selected: SelectedRows,
    ordering: tuple[str, ...],
    identity: Sequence[Any],
    start: Position | None,
) -> int:
    """Return the number of rows from a position on, at most 1,001."""
    load = selected.keys(ordering, start, _COUNT, STEP + 1)
    [[rows]] = selected.cached(("count", identity, start), ordering, load)
    return int(rows)
