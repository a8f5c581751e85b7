"""Values, tags and marks in a real server."""

from __future__ import annotations

import re
import time
from typing import Any

import pytest

from morpheus.cache import store
from morpheus.cache.store import CacheStore, cache_store, has_write_intent


@pytest.fixture
def cache() -> CacheStore:
    return cache_store()


def keep(cache: CacheStore, key: str, payload: bytes, *tags: str) -> None:
    """Keep a value under the versions that its tags have now."""
    cache.fill({key: (cache.read_versions(tags), payload)}, 60)


def is_kept(cache: CacheStore, key: str) -> bool:
    return cache.fetch([key]) != [None]


def test_a_value_is_there_while_its_tags_keep_their_versions(cache: CacheStore) -> None:
    keep(cache, "card", b'{"a":1}\nb', "novel:1", "name:7")

    [value] = cache.fetch(["card"])

    assert value is not None
    versions, payload = value
    assert payload == b'{"a":1}\nb'
    assert versions == cache.read_versions(["novel:1", "name:7"])


def test_many_values_take_one_round_trip_and_keep_their_order(cache: CacheStore) -> None:
    keep(cache, "one", b"1", "novel:1")
    keep(cache, "three", b"3", "novel:3")

    values = cache.fetch(["one", "two", "three"])

    assert [value and value[1] for value in values] == [b"1", None, b"3"]


def test_a_renewed_tag_ends_what_depends_on_it_and_nothing_else(cache: CacheStore) -> None:
    keep(cache, "card", b"1", "novel:1", "name:7")
    keep(cache, "other", b"2", "novel:2", "name:7")

    cache.invalidate(["novel:1"])

    assert not is_kept(cache, "card")
    assert is_kept(cache, "other")


def test_a_version_never_comes_back(cache: CacheStore) -> None:
    first = cache.read_versions(["novel:1"])

    cache.invalidate(["novel:1"])

    assert cache.read_versions(["novel:1"]) != first


def test_what_was_read_before_a_write_cannot_be_kept_after_it(cache: CacheStore) -> None:
    before = cache.read_versions(["novel:1"])
    cache.set_write_intents(["novel:1"], "writer")
    cache.invalidate(["novel:1"], "writer")
    cache.read_versions(["novel:1"])  # Another reader has given it a version.

    cache.fill({"card": (before, b"old")}, 60)

    assert not is_kept(cache, "card")


def test_a_mark_keeps_readers_off_until_its_writer_renews(cache: CacheStore) -> None:
    keep(cache, "card", b"1", "novel:1")

    cache.set_write_intents(["novel:1"], "writer")
    assert not is_kept(cache, "card")
    assert has_write_intent(cache.read_versions(["novel:1"])["novel:1"])

    cache.invalidate(["novel:1"], "writer")
    assert not has_write_intent(cache.read_versions(["novel:1"])["novel:1"])
    assert not is_kept(cache, "card")


def test_a_value_kept_under_a_mark_is_never_there(cache: CacheStore) -> None:
    cache.set_write_intents(["novel:1"], "writer")

    keep(cache, "card", b"1", "novel:1")
    cache.invalidate(["novel:1"], "writer")

    assert not is_kept(cache, "card")


@pytest.mark.parametrize("order", [("first", "second"), ("second", "first")])
def test_of_two_writers_each_holds_its_own_mark(cache: CacheStore, order: Any) -> None:
    cache.set_write_intents(["novel:1"], "first")
    cache.set_write_intents(["novel:1"], "second")

    cache.invalidate(["novel:1"], order[0])
    assert has_write_intent(cache.read_versions(["novel:1"])["novel:1"])

    cache.invalidate(["novel:1"], order[1])
    assert not has_write_intent(cache.read_versions(["novel:1"])["novel:1"])


def test_a_write_from_elsewhere_leaves_the_marks_of_writers(cache: CacheStore) -> None:
    cache.set_write_intents(["novel:1"], "writer")

    cache.invalidate(["novel:1"])

    assert has_write_intent(cache.read_versions(["novel:1"])["novel:1"])


def test_the_mark_of_a_writer_that_died_ends_by_itself(
    cache: CacheStore, monkeypatch: pytest.MonkeyPatch
) -> None:
    keep(cache, "card", b"1", "novel:1")
    monkeypatch.setattr(store, "WRITE_INTENT_S", 0.02)

    cache.set_write_intents(["novel:1"], "dead")
    time.sleep(0.05)

    assert not has_write_intent(cache.read_versions(["novel:1"])["novel:1"])
    assert not is_kept(cache, "card")


def test_a_dead_writers_mark_is_not_kept_alive_by_others(
    cache: CacheStore, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(store, "WRITE_INTENT_S", 0.02)
    cache.set_write_intents(["novel:1"], "dead")
    time.sleep(0.05)
    monkeypatch.undo()

    cache.set_write_intents(["novel:1"], "writer")
    cache.invalidate(["novel:1"], "writer")

    assert not has_write_intent(cache.read_versions(["novel:1"])["novel:1"])


def test_a_lost_tag_ends_what_depends_on_it(cache: CacheStore) -> None:
    keep(cache, "card", b"1", "novel:1")

    cache.client.run(lambda prefix: [("DEL", f"{prefix}t:novel:1")])

    assert not is_kept(cache, "card")


def test_a_lost_mark_ends_what_was_read_meanwhile(cache: CacheStore) -> None:
    cache.set_write_intents(["novel:1"], "writer")
    cache.client.run(lambda prefix: [("DEL", f"{prefix}t:novel:1")])
    keep(cache, "card", b"perhaps old", "novel:1")

    cache.invalidate(["novel:1"], "writer")

    assert not is_kept(cache, "card")


def test_lifetimes_differ_and_are_never_longer_than_said(cache: CacheStore) -> None:
    cache.fill({str(number): ({}, b"") for number in range(20)}, 30)

    lifetimes = cache.client.run(
        lambda prefix: [("PTTL", f"{prefix}{number}") for number in range(20)]
    )

    assert max(lifetimes) <= 30_000
    assert min(lifetimes) > 23_000
    assert len(set(lifetimes)) > 10


def test_values_are_kept_in_the_form_of_their_format(cache: CacheStore) -> None:
    """A server of the version before reads them, unless `server.FORMAT` is raised."""
    keep(cache, "novels.card:v1:42", b'{"a":1}', "novel:42", "all")
    [information] = cache.client.run(lambda prefix: [("INFO", "server")])
    run_id = re.findall(rb"run_id:(\w+)", information)[0].decode()

    prefix = f"m2:{run_id[:12]}:"
    stored = cache.client.run(
        lambda _: [("GET", f"{prefix}{key}") for key in ("novels.card:v1:42", "t:novel:42")]
    )

    version = stored[1].decode()
    assert re.fullmatch(r"[0-9a-f]{12}", version)
    assert stored[0].decode() == f'novel:42 {version} all {version}\n{{"a":1}}'
