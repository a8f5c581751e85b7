"""The storage that each user uses, and the quota.

Other apps count their own rows and register a source, because this app may not import them.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable
from http import HTTPStatus

from django.conf import settings
from django.db import connection

from morpheus.api.domain_errors import DomainError
from morpheus.cache.cached_reads import read_many
from users.cache_policies import USAGE

# The storage of a user: `novels` is the number of novels made from uploads, `bytes` the size of
# uploaded files, and of images of own comics, once for each panel.
Usage = Counter[str]

# Functions of an owner's primary key, by the part of the rows that they count; the tag
# `owner:<id>/<part>` invalidates the cached value.
usage_sources: dict[str, Callable[[int], dict[str, int]]] = {}


class QuotaExceeded(DomainError):
    """The upload would exceed its owner's quota."""

    status = HTTPStatus.FORBIDDEN


def usage_cached(user_id: int) -> Usage:
    """Return the storage of a user, for display: 1 query for each source if not cached."""
    if connection.in_atomic_block:
        return _load_usage(user_id)  # A write reads the database, with its own identity.
    kept = read_many(
        USAGE,
        usage_sources,
        tags=lambda part: [f"owner:{user_id}/{part}"],
        load=lambda parts: {part: usage_sources[part](user_id) for part in parts},
        reader_id=user_id,
    )
    return sum(map(Counter, kept.values()), Counter())


def quota_require(*, owner_id: int, novels: int = 0, size_bytes: int) -> None:
    """Refuse an upload that would exceed its owner's quota, in the transaction that stores it.

    Concurrent uploads of one owner wait here for each other's commit, so that they cannot exceed
    the quota together. A row of a comic is locked before this, never after.

    Raises:
        QuotaExceeded: The message has the used storage and the limit.
    """
    most_novels, most_bytes = settings.MORPHEUS_QUOTA_NOVELS, settings.MORPHEUS_QUOTA_BYTES
    if not most_novels and not most_bytes:
        return
    with connection.cursor() as cursor:
        # A statement of its own: the sums need a snapshot after the commit that it waits for.
        cursor.execute(
            "SELECT pg_advisory_xact_lock(hashtextextended(%s, 0))", [f"morpheus quota {owner_id}"]
        )
    used = _load_usage(owner_id)
    if most_novels and novels and used["novels"] + novels > most_novels:
        raise QuotaExceeded(
            f"You have {used['novels']:,} of {most_novels:,} novels. Delete one first."
        )
    if most_bytes and used["bytes"] + size_bytes > most_bytes:
        raise QuotaExceeded(
            f"This file has {_mb(size_bytes)} MB, and you use {_mb(used['bytes'])} of "
            f"{_mb(most_bytes)} MB. Delete novels or comics first."
        )


def _load_usage(user_id: int) -> Usage:
    return sum((Counter(source(user_id)) for source in usage_sources.values()), Counter())


def _mb(size_bytes: int) -> str:
    return f"{size_bytes / 1024**2:,.1f}"
