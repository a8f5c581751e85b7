"""Reads through the cache: what the apps call.

Values are as fresh as the database when the read began (docs/caching.md). Inside a transaction
nothing is cached.
"""

from __future__ import annotations

from collections.abc import Callable, Hashable, Iterable, Mapping, Sequence
from typing import Any, NamedTuple, TypeVar

import orjson
from django.conf import settings
from django.db import connection

from morpheus.cache.batch_read import BatchRead
from morpheus.cache.policies import CachePolicy
from morpheus.cache.redis_client import RedisUnavailable
from morpheus.cache.shadow_verification import bypasses_cache
from morpheus.cache.store import cache_store, decompress

Key = TypeVar("Key", bound=Hashable)


class VisibleValue(NamedTuple):
    """The value that a reader may see, None if there is none, and whether it is public."""

    value: Any
    is_public: bool


def read(
    policy: CachePolicy,
    identity: Hashable,
    *,
    tags: Sequence[str],
    load: Callable[[], Any],
    reader_id: int | None = None,
) -> Any:
    """Return one value, from the cache or by `load`; see `read_many`."""
    return read_many(
        policy,
        [identity],
        tags=lambda _: tags,
        load=lambda _: {identity: load()},
        reader_id=reader_id,
    )[identity]


def read_many(
    policy: CachePolicy,
    identities: Iterable[Key],
    *,
    tags: Callable[[Key], Sequence[str]],
    load: Callable[[list[Key]], Mapping[Key, Any]],
    reader_id: int | None = None,
) -> dict[Key, Any]:
    """Return the value of each identity, None for absent ones: one round trip if all are cached.

    Values consist of JSON's types.

    Args:
        identities: Their text is part of the key.
        tags: Returns all tags that the value of an identity depends on.
        load: Returns missing values from the database. Runs as the reader, or anonymously.
        reader_id: The user that private values belong to; None for public values.
    """
    unique = list(dict.fromkeys(identities))
    if not unique:
        return {}
    batch = BatchRead(policy, tags, load, reader_id)
    if not is_cache_usable():
        return batch.read_database(unique)
    try:
        return batch.read_cache(unique)
    except RedisUnavailable:
        return batch.read_database(unique)


def read_public_then_private(
    policy: CachePolicy,
    identity: Hashable,
    *,
    tags: Sequence[str],
    load: Callable[[int | None], Any],
    reader_id: int | None,
) -> VisibleValue:
    """Return the public value; if there is none, the value that the reader alone may see.

    Args:
        load: Returns what a reader may see from the database; None is anonymous.
    """
    value = read(policy, identity, tags=tags, load=lambda: load(None))
    if value is not None or reader_id is None:
        return VisibleValue(value, value is not None)
    private = read(policy, identity, tags=tags, load=lambda: load(reader_id), reader_id=reader_id)
    return VisibleValue(private, False)


def read_stale(policy: CachePolicy, identity: Hashable, *, reader_id: int | None = None) -> Any:
    """Return the cached value even if it was invalidated; None if there is none.

    For incremental refresh: `load` gets the changes since the value's own timestamp. A value from
    before an invalidation of the tag `all` is not returned.
    """
    if not is_cache_usable():
        return None
    payload = cache_store().fetch_stale(policy.key(identity, reader_id))
    return None if payload is None else orjson.loads(decompress(payload))


def is_cache_usable() -> bool:
    """Return whether reads go through the cache now."""
    return (
        settings.MORPHEUS_CACHE
        and not connection.in_atomic_block
        and not bypasses_cache.get()
        and cache_store().is_readable()
    )
