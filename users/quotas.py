"""The storage that each user uses, and the quota.

Other apps count their own rows and register a source, because this app may not import them.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable
from http import HTTPStatus
from typing import Any

from django.conf import settings
from django.db import connection
from django.db.models import QuerySet

from morpheus.api.domain_errors import DomainError
from morpheus.cache.cached_reads import read_many
from morpheus.db.compiled_reads import CompiledRead
from morpheus.db.write_pipeline import with_next_statement
from users.cache_policies import USAGE

# The storage of a user: `novels` is the number of novels made from uploads, `bytes` the size of
# uploaded files, and of images of own comics, once for each panel.
Usage = Counter[str]


class UsageSource:
    """Counts the storage of an owner in the rows of one app.

    Args:
        names: What each column of the row says; keys of `Usage`.
        build: Returns the queryset for the primary key of an owner: one row of integers.
    """

    def __init__(self, *names: str, build: Callable[[int], QuerySet[Any, Any]]) -> None:
        self._names = names
        self._read = CompiledRead(int, build=build)

    def count(self, owner_id: int) -> dict[str, int]:
        """Return the storage by name: 1 query."""
        [row] = self._read.rows(owner_id)
        # A sum of bigint is numeric.
        return {name: int(value) for name, value in zip(self._names, row, strict=True)}


# By the part of the rows that they count; the tag `owner:<id>/<part>` invalidates the cached value.
usage_sources: dict[str, UsageSource] = {}


class QuotaExceeded(DomainError):
    """The upload would exceed its owner's quota."""

    status = HTTPStatus.FORBIDDEN
    code = "quota_exceeded"


def usage_cached(user_id: int) -> Usage:
    """Return the storage of a user, for display: 1 query for each source if not cached."""
    if connection.in_atomic_block:
        return _load_usage(user_id)  # A write reads the database, with its own identity.
    kept = read_many(
        USAGE,
        usage_sources,
        tags=lambda part: [f"owner:{user_id}/{part}"],
        load=lambda parts: {part: usage_sources[part].count(user_id) for part in parts},
        reader_id=user_id,
    )
    return sum(map(Counter, kept.values()), Counter())


def quota_require(
    *, owner_id: int, novels: int = 0, size_bytes: int, replaced_bytes: int = 0
) -> None:
    """Refuse an upload that would exceed its owner's quota, in the transaction that stores it.

    Concurrent uploads of one owner wait here for each other's commit, so that they cannot exceed
    the quota together. A row of a comic is locked before this, never after.

    Args:
        replaced_bytes: The size of what the upload replaces; a smaller file is never refused.

    Raises:
        QuotaExceeded: The message has the used storage and the limit.
    """
    most_novels, most_bytes = settings.MORPHEUS_QUOTA_NOVELS, settings.MORPHEUS_QUOTA_BYTES
    if not most_novels and not most_bytes:
        return
    # A statement of its own: the sums need a snapshot after the commit that it waits for.
    with with_next_statement(), connection.cursor() as cursor:
        cursor.execute(
            "SELECT pg_advisory_xact_lock(hashtextextended(%s, 0))", [f"morpheus quota {owner_id}"]
        )
    used = _load_usage(owner_id)
    if most_novels and novels and used["novels"] + novels > most_novels:
        raise QuotaExceeded(
            f"You have {used['novels']:,} of {most_novels:,} novels. Delete one first."
        )
    added_bytes = size_bytes - replaced_bytes
    if most_bytes and added_bytes > 0 and used["bytes"] + added_bytes > most_bytes:
        raise QuotaExceeded(
            f"This file has {_mb(size_bytes)} MB, and you use {_mb(used['bytes'])} of "
            f"{_mb(most_bytes)} MB. Delete novels or comics first."
        )


def _load_usage(user_id: int) -> Usage:
    return sum((Counter(source.count(user_id)) for source in usage_sources.values()), Counter())


def _mb(size_bytes: int) -> str:
    return f"{size_bytes / 1024**2:,.1f}"
