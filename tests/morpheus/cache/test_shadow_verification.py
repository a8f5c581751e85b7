"""Hits that are computed again."""

from __future__ import annotations

import threading
import time
from typing import Any

import pytest
from pytest_django import Settings

from morpheus.cache import shadow_verification
from morpheus.cache.cached_reads import read_many
from morpheus.cache.shadow_verification import Hits, verify
from morpheus.cache.store import cache_store
from tests.morpheus.cache.source import TAG, Source
from tests.morpheus.cache.test_response_cache import Response, Site


@pytest.fixture
def samples(monkeypatch: pytest.MonkeyPatch, settings: Settings) -> list[Any]:
    """Check every hit, and return those that wait."""
    settings.MORPHEUS_CACHE_SHADOW_PERCENT = 100
    monkeypatch.setattr(shadow_verification, "_GRACE_S", 0)
    waiting: list[Any] = []

    class Queue:
        put_nowait = waiting.append

    monkeypatch.setattr(shadow_verification, "_queue", Queue)
    return waiting


def test_a_hit_that_is_right_is_the_same(source: Source, samples: list[Any]) -> None:
    source.read()
    source.read()

    assert [verify(hits) for hits in samples] == [{"same": 1}]


def test_a_hit_that_should_not_have_been_is_stale(source: Source, samples: list[Any]) -> None:
    source.read()
    source.read()
    source.value = "changed, and nobody told"

    assert [verify(hits) for hits in samples] == [{"stale": 1}]


def test_what_changed_since_is_not_stale(source: Source, samples: list[Any]) -> None:
    source.read()
    source.read()
    source.write("new")

    assert [verify(hits) for hits in samples] == [{"changed": 1}]


def test_a_change_that_is_told_a_moment_later_is_not_stale(
    source: Source, samples: list[Any], monkeypatch: pytest.MonkeyPatch
) -> None:
    source.read()
    source.read()
    source.value = "by psql"
    monkeypatch.setattr(time, "sleep", lambda _: cache_store().invalidate([TAG]))

    assert [verify(hits) for hits in samples] == [{"changed": 1}]


def test_what_was_read_together_is_computed_again_together(
    source: Source, samples: list[Any]
) -> None:
    """Each value is compared alone: one of two was changed without an invalidation."""
    values, loads = {"one": 1, "two": 2}, []

    def load(wanted: list[str]) -> dict[str, int]:
        loads.append(wanted)
        return {name: values[name] for name in wanted}

    def read() -> dict[str, int]:
        return read_many(source.policy, values, tags=lambda name: [name], load=load)

    read()
    read()
    values["two"] = 3

    assert [verify(hits) for hits in samples] == [{"same": 1, "stale": 1}]
    assert loads == [["one", "two"]] * 2


def test_a_response_is_compared_byte_by_byte(source: Source, samples: list[Any]) -> None:
    site = Site(source)
    Response(site)
    Response(site, HTTP_IF_NONE_MATCH='"abc"')
    assert [verify(hits) for hits in samples] == [{"same": 1}]

    source.value = "changed, and nobody told"
    assert [verify(hits) for hits in samples] == [{"stale": 1}]


def test_as_many_are_sampled_as_the_settings_say(
    source: Source, samples: list[Any], settings: Settings
) -> None:
    settings.MORPHEUS_CACHE_SHADOW_PERCENT = 0
    for _ in range(100):
        source.read()

    assert samples == []


def test_one_that_fails_does_not_end_the_thread(
    source: Source,
    settings: Settings,
    monkeypatch: pytest.MonkeyPatch,
    caplog: pytest.LogCaptureFixture,
) -> None:
    checked = threading.Event()

    def fail() -> dict[str, bytes]:
        raise RuntimeError

    def succeed() -> dict[str, bytes]:
        checked.set()
        return {"key": b""}

    settings.MORPHEUS_CACHE_SHADOW_PERCENT = 100
    shadow_verification.sample(lambda: Hits(source.policy, {"key": b""}, fail))
    shadow_verification.sample(lambda: Hits(source.policy, {"key": b""}, succeed))

    assert checked.wait(10)
    assert "could not be verified" in caplog.text
