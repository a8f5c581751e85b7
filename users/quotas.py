"""The storage that each user uses, and the quota.

Other apps count their own rows and register a source, because this app may not import them.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import asdict, dataclass
from http import HTTPStatus

from django.conf import settings
from django.db import connection

from morpheus.api.domain_errors import DomainError
from morpheus.cache.cached_reads import read_many
from users.cache_policies import USAGE


@dataclass(frozen=True)
class Usage:
    """The storage of a user.

    Attributes:
        novels: Novels made from uploads.
        bytes: Of uploaded files, and of images of own comics, once for each panel.
    """

    novels: int = 0
    bytes: int = 0

    def __add__(self, other: Usage) -> Usage:
        return Usage(self.novels + other.novels, self.bytes + other.bytes)


# Functions of an owner's primary key, by the part of the rows that they count; the tag
# `owner:<id>/<part>` invalidates the cached value.
usage_sources: dict[str, Callable[[int], Usage]] = {}


class QuotaExceeded(DomainError):
    """The upload would exceed its owner's quota."""

    status = HTTPStatus.FORBIDDEN


def usage_cached(user_id: int) -> Usage:
    """Return the storage of a user, for display: 1 query for each source if not cached."""
    if connection.in_atomic_block:
        return _load_usage(user_id)  # A write reads the database.
    kept = read_many(
        USAGE,
        usage_sources,
        tags=lambda part: [f"owner:{user_id}/{part}"],
        load=lambda parts: {part: asdict(usage_sources[part](user_id)) for part in parts},
        reader_id=user_id,
    )
    return sum((Usage(**part) for part in kept.values()), Usage())


def quota_require(*, owner_id: int, novels: int = 0, size_bytes: int) -> None:
    """Refuse an upload that would exceed its owner's quota, in the transaction that stores it.

    Concurrent uploads of one owner wait here for each other's commit, so that they cannot exceed
    the quota together. A row of a comic is locked before this, never after.

    Raises:
        QuotaExceeded: The message has the used storage and the limit.
    """
    if not settings.MORPHEUS_QUOTA_NOVELS and not settings.MORPHEUS_QUOTA_BYTES:
        return
    with connection.cursor() as cursor:
        # A statement of its own: the sums need a snapshot after the commit that it waits for.
        cursor.execute(
            "SELECT pg_advisory_xact_lock(hashtextextended(%s, 0))", [f"morpheus quota {owner_id}"]
        )
    used = _load_usage(owner_id)
    if (
        novels
        and settings.MORPHEUS_QUOTA_NOVELS
        and used.novels + novels > settings.MORPHEUS_QUOTA_NOVELS
    ):
        raise QuotaExceeded(
            f"You have {used.novels:,} of {settings.MORPHEUS_QUOTA_NOVELS:,} novels. "
            "Delete one first."
        )
    if settings.MORPHEUS_QUOTA_BYTES and used.bytes + size_bytes > settings.MORPHEUS_QUOTA_BYTES:
        raise QuotaExceeded(
            f"This file has {_mb(size_bytes)} MB, and you use {_mb(used.bytes)} of "
            f"{_mb(settings.MORPHEUS_QUOTA_BYTES)} MB. Delete novels or comics first."
        )


def _load_usage(user_id: int) -> Usage:
    return sum((source(user_id) for source in usage_sources.values()), Usage())


def _mb(size_bytes: int) -> str:
    return f"{size_bytes / 1024**2:,.1f}"
