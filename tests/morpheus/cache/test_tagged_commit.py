"""Commits of Django's connection, as the cache hears of them."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import psycopg
import pytest
from django.db import IntegrityError, connection, transaction
from pytest_django import Settings

from morpheus.cache import tagged_commit
from morpheus.cache.redis_client import RedisUnavailable
from morpheus.cache.store import cache_store, has_write_intent
from morpheus.db.transactions import write_transaction
from novels.models import Novel
from tests.conftest import list_outbox_tags

pytestmark = pytest.mark.django_db(transaction=True)


@pytest.fixture
def novel(make_novels: Callable[..., list[Any]]) -> Novel:
    novel: Novel = make_novels(1)[0]
    return novel


@pytest.fixture
def tag(novel: Novel) -> str:
    return f"novel:{novel.pk}"


def version(tag: str) -> str:
    return cache_store().read_versions([tag])[tag]


def rename(novel: Novel, title: str = "Renamed") -> None:
    Novel.objects.filter(pk=novel.pk).update(title=title)


def test_after_a_commit_what_it_changed_has_new_versions(novel: Novel, tag: str) -> None:
    before, other = version(tag), version("novel:0")

    with write_transaction(as_user=novel.owner_id):
        rename(novel)

    assert version(tag) != before
    assert not has_write_intent(version(tag))
    assert version("novel:0") == other


def test_between_write_intent_and_response_readers_bypass(
    novel: Novel, tag: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    seen = []
    renew = cache_store().invalidate

    def look_then_renew(*arguments: Any) -> None:
        seen.append(version(tag))
        renew(*arguments)

    monkeypatch.setattr(cache_store(), "invalidate", look_then_renew)
    with write_transaction(as_user=novel.owner_id):
        rename(novel)
        seen.append(version(tag))

    assert [has_write_intent(each) for each in seen] == [False, True]


def test_tags_are_invalidated_before_on_commit_callbacks(novel: Novel, tag: str) -> None:
    before, woken = version(tag), []

    with write_transaction(as_user=novel.owner_id):
        rename(novel)
        transaction.on_commit(lambda: woken.append(version(tag)))

    assert woken and woken[0] != before
    assert not has_write_intent(woken[0])


def test_a_rollback_invalidates_nothing(novel: Novel, tag: str) -> None:
    before = version(tag)

    with pytest.raises(RuntimeError), write_transaction(as_user=novel.owner_id):
        rename(novel)
        raise RuntimeError

    assert version(tag) == before
    with write_transaction(
        as_user=novel.owner_id
    ):  # Nor does the next transaction of this connection.
        Novel.objects.filter(pk=novel.pk).exists()
    assert version(tag) == before


def test_of_a_savepoint_that_was_rolled_back_only_the_rest_counts(
    make_novels: Callable[..., list[Any]], make_user: Callable[..., Any]
) -> None:
    owner = make_user()
    kept, undone = make_novels(2, owner=owner)
    before = cache_store().read_versions([f"novel:{kept.pk}", f"novel:{undone.pk}"])

    with write_transaction(as_user=owner.pk):
        rename(kept)
        with pytest.raises(IntegrityError), transaction.atomic():
            rename(undone)
            raise IntegrityError

    after = cache_store().read_versions(list(before))
    assert [before[tag] == after[tag] for tag in before] == [False, True]


def test_nested_identities_are_one_commit(make_novels: Callable[..., list[Any]]) -> None:
    outer, inner = make_novels(2)
    before = cache_store().read_versions([f"novel:{outer.pk}", f"novel:{inner.pk}"])

    with write_transaction(as_user=outer.owner_id):
        rename(outer)
        with write_transaction(as_user=inner.owner_id):
            rename(inner)
        assert cache_store().read_versions(list(before)) == before

    after = cache_store().read_versions(list(before))
    assert not set(before.values()) & set(after.values())


def test_without_the_cache_server_the_change_waits_in_the_outbox(
    novel: Novel, tag: str, psql: psycopg.Connection, monkeypatch: pytest.MonkeyPatch
) -> None:
    def refuse(*arguments: object) -> None:
        raise RedisUnavailable

    monkeypatch.setattr(cache_store(), "set_write_intents", refuse)

    with write_transaction(as_user=novel.owner_id):
        rename(novel)

    assert tag in list_outbox_tags(psql)
    assert Novel.objects.get(pk=novel.pk).title == "Renamed"


def test_a_process_that_could_not_invalidate_does_not_read_the_cache(
    novel: Novel, monkeypatch: pytest.MonkeyPatch, psql: psycopg.Connection
) -> None:
    assert cache_store().is_readable()
    monkeypatch.setattr(cache_store(), "_start_listener", lambda: None)
    monkeypatch.setattr(cache_store().client.breaker, "allows", lambda: False)

    with write_transaction(as_user=novel.owner_id):
        rename(novel)

    assert not cache_store().is_readable()


def test_where_the_cache_is_off_others_still_hear(
    novel: Novel, tag: str, psql: psycopg.Connection, settings: Settings
) -> None:
    settings.MORPHEUS_CACHE = False

    with write_transaction(as_user=novel.owner_id):
        rename(novel)

    assert tag in list_outbox_tags(psql)


def test_a_commit_that_fails_leaves_the_mark_to_expire(novel: Novel, tag: str) -> None:
    def fail() -> None:
        raise ConnectionError("nobody knows whether it is committed")

    with pytest.raises(ConnectionError), write_transaction(as_user=novel.owner_id):
        rename(novel)
        connection.collects_tags = False  # type: ignore[attr-defined]  # The test's own commit comes first.
        tagged_commit.commit_and_invalidate(connection, fail)

    assert has_write_intent(version(tag))


def test_a_transaction_without_changes_does_not_call_redis(
    novel: Novel, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(cache_store(), "set_write_intents", None)

    with write_transaction(as_user=novel.owner_id):
        Novel.objects.filter(pk=novel.pk).exists()
