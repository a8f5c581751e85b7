"""Reading through the cache, and what races with it."""

from __future__ import annotations

import datetime
import threading
from collections.abc import Callable
from typing import Any

import pytest
from django.db import connection, transaction
from pytest_django import Settings

from morpheus.cache.cached_reads import read, read_many
from morpheus.cache.dependencies import loading_cached_value, record_dependencies
from morpheus.cache.policies import ABSENT_TTL_S, CachePolicy
from morpheus.cache.store import cache_store
from tests.morpheus.cache.source import TAG, Source, hold


def test_a_value_is_loaded_once_and_again_after_a_write(source: Source) -> None:
    assert [source.read(), source.read()] == ["old", "old"]
    assert source.loads == 1

    source.write("new")

    assert [source.read(), source.read()] == ["new", "new"]
    assert source.loads == 2


def test_what_there_is_not_is_remembered_as_well(source: Source) -> None:
    source.value = None

    assert [source.read(), source.read()] == [None, None]
    assert source.loads == 1


def seconds_left() -> dict[str, int]:
    """Return how long the value and its tags stay in the server, by a part of the key."""
    [keys] = cache_store().client.run(lambda prefix: [("KEYS", f"{prefix}*")])
    left = cache_store().client.run(lambda prefix: [("TTL", key) for key in keys])
    parts = (TAG, "all", "tests.")
    names = [next(part for part in parts if part in key.decode()) for key in keys]
    return dict(zip(names, left, strict=True))


@pytest.mark.parametrize("absent", [None, []])
def test_what_there_is_not_expires_soon_and_so_do_the_tags_made_for_it(
    make_policy: Callable[..., CachePolicy], absent: Any
) -> None:
    source = Source(make_policy(ttl_s=3600))
    source.value = absent

    source.read()

    left = seconds_left()
    assert 30 <= left["tests."] <= ABSENT_TTL_S
    assert 30 <= left[TAG] <= ABSENT_TTL_S
    assert left["all"] > 3600


def test_a_tag_outlives_values_filled_later(make_policy: Callable[..., CachePolicy]) -> None:
    absent, present = Source(make_policy(ttl_s=3600)), Source(make_policy(ttl_s=3600))
    absent.value = None
    absent.read()

    present.read()

    assert seconds_left()[TAG] > 3600


def test_absence_shortens_no_tag_that_was_there_before(
    make_policy: Callable[..., CachePolicy],
) -> None:
    absent, present = Source(make_policy(ttl_s=3600)), Source(make_policy(ttl_s=3600))
    absent.value = None
    present.read()

    absent.read()

    assert seconds_left()[TAG] > 3600


def test_of_values_read_together_those_that_are_there_keep_their_tags(
    make_policy: Callable[..., CachePolicy],
) -> None:
    policy = make_policy(ttl_s=3600)

    read_many(policy, [1, 2], tags=lambda key: [TAG], load=lambda keys: {1: "there"})

    assert seconds_left()[TAG] > 3600


def test_a_longer_life_is_not_given_to_a_mark(source: Source) -> None:
    cache_store().set_write_intents([TAG], "writer")

    cache_store().read_versions([TAG])

    assert seconds_left()[TAG] <= 5


def test_what_strangers_may_invent_is_remembered_only_if_it_is_there(
    make_policy: Callable[..., CachePolicy],
) -> None:
    source = Source(make_policy(caches_none=False))
    source.value = None
    source.read()
    source.read()
    [tags] = cache_store().client.run(lambda prefix: [("KEYS", f"{prefix}*thing*")])

    assert source.loads == 2
    assert tags == []

    source.value = "new"

    assert [source.read(), source.read()] == ["new", "new"]
    assert source.loads == 3


def test_a_slow_reader_cannot_bring_the_old_value_back(source: Source) -> None:
    source.before_return = lambda: source.write("new")
    assert source.read() == "old"
    source.before_return = lambda: None

    assert source.read() == "new"


def test_a_read_during_a_commit_fills_nothing(source: Source) -> None:
    cache_store().set_write_intents([TAG], "writer")
    assert source.read() == "old"  # Not committed yet.
    source.value = "new"
    assert source.read() == "new"

    cache_store().invalidate([TAG], "writer")

    assert source.read() == "new"
    assert source.loads == 3


def test_a_writer_that_dies_after_its_commit_leaves_nothing_old(source: Source) -> None:
    source.read()
    cache_store().set_write_intents([TAG], "writer")
    source.value = "new"

    assert source.read() == "new"


def test_threads_that_want_the_same_load_it_once(
    source: Source, in_thread: Callable[..., threading.Thread]
) -> None:
    together = threading.Barrier(8)
    loading, release = threading.Event(), threading.Event()
    source.before_return = hold(loading, release)
    values = []

    def ask() -> None:
        together.wait(10)
        values.append(source.read())

    threads = [in_thread(ask) for _ in range(8)]
    assert loading.wait(10)
    release.set()
    for thread in threads:
        thread.join(10)

    assert values == ["old"] * 8
    assert source.loads == 1


@pytest.mark.django_db(transaction=True)
def test_a_thread_that_waits_for_a_load_holds_no_connection(
    source: Source, in_thread: Callable[..., threading.Thread], monkeypatch: pytest.MonkeyPatch
) -> None:
    loading, waiting, release = (threading.Event() for _ in range(3))
    share = cache_store().flights.run

    def share_and_tell(key: Any, work: Any, *, before_waiting: Callable[[], None]) -> Any:
        def tell() -> None:
            before_waiting()
            waiting.set()

        return share(key, work, before_waiting=tell)

    monkeypatch.setattr(cache_store().flights, "run", share_and_tell)
    source.before_return = hold(loading, release)
    held = []

    def ask() -> None:
        connection.ensure_connection()
        try:
            source.read()
        finally:
            held.append(connection.connection)
            connection.close()

    first = in_thread(source.read)
    assert loading.wait(10)
    second = in_thread(ask)
    assert waiting.wait(10)
    release.set()
    first.join(10)
    second.join(10)

    assert source.loads == 1
    assert held == [None]


def test_no_reader_joins_a_load_that_began_before_a_write(
    source: Source, in_thread: Callable[..., threading.Thread]
) -> None:
    loading, release = threading.Event(), threading.Event()
    source.before_return = hold(loading, release)
    slow = in_thread(source.read)
    assert loading.wait(10)

    source.write("new")
    source.before_return = lambda: None

    assert source.read() == "new"
    release.set()
    slow.join(10)
    assert source.read() == "new"


def test_a_thread_that_waits_for_a_failed_load_loads_itself(
    source: Source, in_thread: Callable[..., threading.Thread]
) -> None:
    loading, release = threading.Event(), threading.Event()

    def fail() -> None:
        loading.set()
        release.wait(10)
        raise RuntimeError("the database went away")

    source.before_return = fail
    outcomes = []

    def ask() -> None:
        try:
            outcomes.append(source.read())
        except RuntimeError as error:
            outcomes.append(str(error))

    first = in_thread(ask)
    assert loading.wait(10)
    second = in_thread(ask)
    source.before_return = lambda: None
    release.set()
    first.join(10)
    second.join(10)

    assert outcomes == ["the database went away", "old"]


def test_of_many_only_the_missing_are_loaded(make_policy: Callable[..., CachePolicy]) -> None:
    policy, asked = make_policy(), []

    def read_squares(numbers: list[int]) -> dict[int, int]:
        def load(missing: list[int]) -> dict[int, int]:
            asked.append(missing)
            return {number: number**2 for number in missing if number != 4}

        return read_many(policy, numbers, tags=lambda number: [f"square:{number}"], load=load)

    assert read_squares([1, 2]) == {1: 1, 2: 4}
    assert read_squares([3, 2, 4, 3]) == {3: 9, 2: 4, 4: None}
    assert read_squares([4, 3, 2, 1]) == {4: None, 3: 9, 2: 4, 1: 1}
    assert asked == [[1, 2], [3, 4]]
    assert read_squares([]) == {}


def test_private_values_are_their_readers(make_policy: Callable[..., CachePolicy]) -> None:
    policy = make_policy()

    def read_as(reader_id: int | None, value: str) -> Any:
        return read(policy, 1, tags=[TAG], load=lambda: value, reader_id=reader_id)

    assert read_as(7, "seven's") == "seven's"
    assert read_as(8, "eight's") == "eight's"
    assert read_as(None, "everybody's") == "everybody's"
    assert read_as(7, "not loaded") == "seven's"


def test_a_loaded_value_equals_the_cached_value(make_policy: Callable[..., CachePolicy]) -> None:
    def load() -> dict[str, Any]:
        return {"at": datetime.datetime(2026, 1, 2, tzinfo=datetime.UTC), "pair": (1, 2)}

    policy = make_policy()
    first, second = (read(policy, 1, tags=[TAG], load=load) for _ in range(2))

    assert first == second == {"at": "2026-01-02T00:00:00+00:00", "pair": [1, 2]}


def test_a_reader_that_changes_its_value_changes_no_cached_value(
    make_policy: Callable[..., CachePolicy],
) -> None:
    policy = make_policy()
    read(policy, 1, tags=[TAG], load=lambda: {"names": []})["names"].append("mine")

    assert read(policy, 1, tags=[TAG], load=dict) == {"names": []}


def test_too_large_values_are_not_kept(make_policy: Callable[..., CachePolicy]) -> None:
    source = Source(make_policy(max_bytes=10))
    source.value = "x" * 11

    source.read()
    source.read()

    assert source.loads == 2


def test_another_version_of_a_policy_does_not_read_the_old_ones_values(
    make_policy: Callable[..., CachePolicy],
) -> None:
    old = make_policy(version=1)
    new = make_policy(version=2)
    object.__setattr__(new, "name", old.name)
    read(old, 1, tags=[TAG], load=lambda: "old form")

    assert read(new, 1, tags=[TAG], load=lambda: "new form") == "new form"


@pytest.mark.django_db
def test_in_a_transaction_nothing_is_read_from_the_cache_or_kept(source: Source) -> None:
    with transaction.atomic():
        source.read()
        source.value = "not committed"
        assert source.read() == "not committed"

    assert source.loads == 2


def test_switched_off_the_cache_is_not_used(source: Source, settings: Settings) -> None:
    source.read()
    settings.MORPHEUS_CACHE = False
    source.value = "new"

    assert source.read() == "new"


def test_dependencies_hold_tags_and_versions_of_the_response(source: Source) -> None:
    with record_dependencies() as first:
        source.read()
    with record_dependencies() as second:
        source.read()

    assert first.versions == second.versions == cache_store().read_versions([TAG, "all"])
    assert first.is_complete and second.is_complete
    assert (first.misses, second.hits) == (1, 1)


def test_a_recording_of_two_versions_is_not_complete(source: Source) -> None:
    with record_dependencies() as record:
        source.read()
        source.write("new")
        source.read()

    assert not record.is_complete


def test_dependencies_of_a_bypass_are_incomplete(source: Source) -> None:
    cache_store().set_write_intents([TAG], "writer")

    with record_dependencies() as record:
        source.read()

    assert not record.is_complete


@pytest.mark.django_db
def test_a_statement_outside_of_a_load_spoils_a_recording() -> None:
    with record_dependencies() as record:
        with loading_cached_value(), connection.cursor() as cursor:
            cursor.execute("SELECT 1")
        assert record.is_complete
        with connection.cursor() as cursor:
            cursor.execute("SELECT 1")
        assert not record.is_complete
