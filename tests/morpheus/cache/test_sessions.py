"""Sessions through the cache."""

from __future__ import annotations

from datetime import timedelta
from hashlib import sha256
from pathlib import Path
from typing import Any

import psycopg
import pytest
from django.contrib.sessions.models import Session
from django.utils import timezone

from morpheus.cache.outbox import drain
from morpheus.cache.redis_client import RedisUnavailable
from morpheus.cache.sessions import SESSION, SessionStore
from morpheus.cache.shadow_verification import Hits, verify
from morpheus.cache.store import cache_store
from tests.cached_shapes import assert_shape_is_kept
from tests.visitor import counted_queries

pytestmark = pytest.mark.django_db(transaction=True)


@pytest.fixture
def key() -> str:
    """Key of a session with a logged-in user."""
    session = SessionStore()
    session["load_user"] = "ann"
    session.create()
    assert session.session_key
    return session.session_key


def load_user(key: str) -> Any:
    return SessionStore(key).get("load_user")


def test_a_session_is_read_from_the_database_once(key: str) -> None:
    with counted_queries() as seen:
        assert [load_user(key), load_user(key)] == ["ann", "ann"]

    assert len(seen.sql) == 1


def test_a_session_returns_what_was_written(key: str) -> None:
    load_user(key)
    session = SessionStore(key)
    session["load_user"] = "bob"
    session.save()

    assert load_user(key) == "bob"


def test_a_session_that_ended_is_nobodys(key: str) -> None:
    load_user(key)
    SessionStore(key).flush()

    session = SessionStore(key)

    assert session.get("load_user") is None
    assert session.session_key is None


def test_a_session_ends_while_it_is_cached(key: str, monkeypatch: pytest.MonkeyPatch) -> None:
    load_user(key)
    later = timezone.now() + timedelta(days=365)
    monkeypatch.setattr("morpheus.cache.sessions.timezone.now", lambda: later)

    assert load_user(key) is None


def test_shadow_verification_loads_a_session_whose_key_was_forgotten(
    key: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    load_user(key)
    samples: list[Hits] = []
    monkeypatch.setattr("morpheus.cache.batch_read.sample", lambda build: samples.append(build()))
    later = timezone.now() + timedelta(days=365)
    monkeypatch.setattr("morpheus.cache.sessions.timezone.now", lambda: later)

    assert load_user(key) is None

    assert [verify(hits) for hits in samples] == [{"same": 1}]


def test_a_session_that_another_program_deletes_ends(key: str, psql: psycopg.Connection) -> None:
    load_user(key)
    psql.execute("DELETE FROM django_session")
    drain(cache_store().invalidate, psql)

    assert load_user(key) is None


def test_a_logout_while_the_cache_is_away_lasts(
    key: str, psql: psycopg.Connection, monkeypatch: pytest.MonkeyPatch
) -> None:
    load_user(key)

    def refuse(*arguments: object) -> None:
        raise RedisUnavailable

    with monkeypatch.context() as away:
        away.setattr(cache_store().client, "_call", refuse)
        SessionStore(key).flush()
        assert load_user(key) is None
    drain(cache_store().invalidate, psql)

    assert load_user(key) is None
    assert not Session.objects.exists()


def test_no_key_of_the_cache_logs_anybody_in(key: str) -> None:
    load_user(key)

    kept = cache_store().client.run(lambda prefix: [("KEYS", "*")])[0]

    assert kept
    assert not any(key.encode() in each for each in kept)


def test_sessions_are_kept_in_the_shape_of_their_version(key: str) -> None:
    load_user(key)

    digest = sha256(key.encode()).hexdigest()[:32]
    assert_shape_is_kept(Path(__file__).parent / "cached_shapes", SESSION, digest)
