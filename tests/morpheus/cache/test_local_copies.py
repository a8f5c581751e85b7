"""Copies in the memory of a process: used while current, within their limits."""

from __future__ import annotations

import random
import tracemalloc
from typing import Any

import pytest

from morpheus.cache import stored_responses
from morpheus.cache.store import CacheStore, cache_store
from morpheus.cache.stored_responses import (
    MAX_COPY_BYTES,
    LocalCopies,
    StoredResponse,
    are_current,
    encode_response,
)

pytestmark = pytest.mark.django_db

TAGS = ["novel:1", "name:2"]
PREFIX = "m2:run:"


def add(copies: LocalCopies, key: str, size: int = 10, prefix: str = PREFIX) -> None:
    copies.add(key, f"value of {key}", size, {"novel:1": "aaaaaaaaaaaa"}, prefix)


def copy_of(store: CacheStore, *tags: str) -> Any:
    """Return a copy of a value with the present versions of tags."""
    copies = LocalCopies()
    versions = store.read_versions(tags)
    copies.add("key", "value", 10, versions, store.client.prefix)
    return copies.get("key", store.client.prefix)


@pytest.fixture
def store() -> CacheStore:
    return cache_store()


def is_current(store: CacheStore, *copies: Any) -> bool:
    return are_current(copies, store.client.replies_with)


def test_a_copy_is_current_until_one_of_its_tags_is_invalidated(store: CacheStore) -> None:
    copy = copy_of(store, *TAGS)
    assert is_current(store, copy)

    store.invalidate(TAGS[1:])

    assert not is_current(store, copy)
    store.read_versions(TAGS)  # New versions.
    assert not is_current(store, copy)


def test_a_write_intent_makes_readers_bypass_a_copy(store: CacheStore) -> None:
    copy = copy_of(store, *TAGS)

    store.set_write_intents(TAGS[:1], "token")

    assert not is_current(store, copy)


@pytest.mark.parametrize("stale", [0, 1])
def test_two_copies_are_current_together(store: CacheStore, stale: int) -> None:
    pair = copy_of(store, "user:1"), copy_of(store, "novel:1", "name:2")
    assert is_current(store, *pair)

    store.invalidate([("user:1", "name:2")[stale]])

    assert not is_current(store, *pair)


def test_a_copy_from_another_server_is_not_used() -> None:
    copies = LocalCopies()
    add(copies, "key")

    assert copies.get("key", PREFIX) is not None
    assert copies.get("key", "m2:another-run:") is None
    assert copies.get("key", "") is None


def test_a_copy_expires(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(stored_responses, "TTL_S", -1.0)
    copies = LocalCopies()
    add(copies, "key")

    assert copies.get("key", PREFIX) is None


def test_the_oldest_copies_make_room_for_new_ones() -> None:
    copies = LocalCopies(max_bytes=20_000)
    for number in range(100):
        add(copies, f"key {number}", size=4000)

    kept = [number for number in range(100) if copies.get(f"key {number}", PREFIX)]

    assert kept and kept == list(range(100))[-len(kept) :]
    assert len(kept) * 4000 <= 20_000


def test_a_copy_replaces_the_one_of_its_key() -> None:
    copies = LocalCopies(max_bytes=20_000)
    add(copies, "other")
    for _ in range(100):
        add(copies, "key", size=4000)

    assert copies.get("other", PREFIX) is not None
    copies.discard("key")
    assert copies.get("key", PREFIX) is None


def test_a_large_value_is_not_copied() -> None:
    copies = LocalCopies()
    add(copies, "key", size=MAX_COPY_BYTES + 1)

    assert copies.get("key", PREFIX) is None


@pytest.mark.parametrize("chars", [300, 6000])
def test_the_size_of_a_response_is_the_memory_that_its_copy_takes(chars: int) -> None:
    copies, chance = LocalCopies(), random.Random(chars)  # noqa: S311 - no secret
    tracemalloc.start()
    try:
        for number in range(300):
            headers = [
                ("Content-Type", "application/json"),
                ("Vary", "Accept, Accept-Encoding"),
                ("Cache-Control", "public, no-cache"),
                ("X-Content-Type-Options", "nosniff"),
                ("ETag", f'"{number:032x}"'),
            ]
            body = chance.randbytes(chars // 2).hex().encode()
            response = StoredResponse(encode_response("GET /novels/", headers, [body]))
            versions = {f"novels.novel:{number + each}": f"{each:016x}" for each in range(3)}
            copies.add(f"responses:{number:040x}", response, response.size, versions, PREFIX)
            del body, response, versions
        used = tracemalloc.get_traced_memory()[0]
    finally:
        tracemalloc.stop()

    assert 0.8 * copies._bytes < used < 1.1 * copies._bytes
