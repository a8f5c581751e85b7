"""Changes by other programs reach readers of the cache."""

from __future__ import annotations

import time
from collections.abc import Callable, Iterator
from typing import Any

import psycopg
import pytest

from morpheus.cache.outbox import OutboxListener
from morpheus.cache.store import cache_store
from tests.morpheus.cache.conftest import stop_listener
from tests.visitor import counted_queries
from users.reads import user_names

pytestmark = pytest.mark.django_db(transaction=True)

# Never waited for where all is well.
PATIENCE_S = 30


@pytest.fixture
def listener(psql: psycopg.Connection) -> Iterator[OutboxListener]:
    """The engine's, which hears of changes and does not look for them."""
    cache = cache_store()
    listener = OutboxListener(
        cache.invalidate,
        on_pending=cache.suspend_reads,
        on_drained=cache.resume_reads,
        poll_s=3600.0,
    )
    listener.start()
    yield listener
    stop_listener(listener)


def name_becomes(user: Any, name: str | None) -> bool:
    deadline = time.monotonic() + PATIENCE_S
    while time.monotonic() < deadline:
        if user_names([user.pk]) == {user.pk: name}:
            return True
    return False


def test_a_name_changed_by_psql_is_read_anew(
    psql: psycopg.Connection, listener: OutboxListener, make_user: Callable[..., Any]
) -> None:
    ann, bob = make_user("ann"), make_user("bob")
    user_names([ann.pk, bob.pk])
    assert name_becomes(ann, "Ann")

    for name in ("Anna", "Anne", "Annie"):
        psql.execute("UPDATE users_user SET display_name = %s WHERE id = %s", [name, ann.pk])
        assert name_becomes(ann, name)

    with counted_queries() as queries:
        assert user_names([ann.pk, bob.pk]) == {ann.pk: "Annie", bob.pk: "Bob"}
    assert queries.sql == []


def test_a_user_deleted_by_psql_is_absent(
    psql: psycopg.Connection, listener: OutboxListener, make_user: Callable[..., Any]
) -> None:
    ann = make_user("ann")
    assert name_becomes(ann, "Ann")

    psql.execute("DELETE FROM users_user WHERE id = %s", [ann.pk])

    assert name_becomes(ann, None)


def test_a_table_emptied_by_psql_is_empty_for_all(
    psql: psycopg.Connection, listener: OutboxListener, make_user: Callable[..., Any]
) -> None:
    ann = make_user("ann")
    assert name_becomes(ann, "Ann")

    psql.execute("TRUNCATE users_user CASCADE")

    assert name_becomes(ann, None)


def test_what_psql_rolls_back_was_never_read(
    psql: psycopg.Connection, listener: OutboxListener, make_user: Callable[..., Any]
) -> None:
    ann = make_user("ann")
    assert name_becomes(ann, "Ann")

    with pytest.raises(ZeroDivisionError), psql.transaction():
        psql.execute("UPDATE users_user SET display_name = 'X'")
        assert user_names([ann.pk]) == {ann.pk: "Ann"}
        raise ZeroDivisionError

    assert user_names([ann.pk]) == {ann.pk: "Ann"}
