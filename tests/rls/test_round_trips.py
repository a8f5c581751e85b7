"""What the identity costs on the way to the database, counted where it leaves this process."""

from __future__ import annotations

import tempfile
from collections.abc import Iterator
from contextlib import contextmanager
from types import SimpleNamespace
from typing import Any

import pytest
from django.db import connection
from rest_framework.test import APIClient

from morpheus.db.transactions import read_transaction, write_transaction
from novels.models import Novel
from tests.conftest import PASSWORD
from tests.users.conftest import LOGIN

pytestmark = pytest.mark.django_db(transaction=True)


@contextmanager
def trace_messages() -> Iterator[Any]:
    """Note all that goes to the server and comes from it."""
    connection.ensure_connection()
    seen = SimpleNamespace(messages="")
    with tempfile.TemporaryFile("w+") as file:
        pgconn = connection.connection.pgconn
        pgconn.trace(file.fileno())
        try:
            yield seen
        finally:
            pgconn.untrace()
            file.seek(0)
            seen.messages = file.read()


@contextmanager
def count_round_trips() -> Iterator[Any]:
    """Count round trips: each ends with the server's ReadyForQuery."""
    seen = SimpleNamespace(trips=0)
    with trace_messages() as trace:
        yield seen
    # An empty query is the pool's question whether the connection lives.
    checks = trace.messages.count("\tEmptyQueryResponse")
    seen.trips = trace.messages.count("\tReadyForQuery") - checks


@pytest.fixture(autouse=True)
def without_cache(settings: Any) -> None:
    """A cache hit costs no round trip."""
    settings.MORPHEUS_CACHE = False


@pytest.fixture
def trips() -> Any:
    """Return how often a warm request waits for the database."""

    def trips(client: Any, url: Any) -> Any:
        for _ in range(7):  # Until every statement is prepared.
            assert client.get(url).status_code == 200
        with count_round_trips() as seen:
            client.get(url)
        return seen.trips

    return trips


def test_reading_with_a_token_waits_no_more_often_than_its_queries(
    trips: Any, make_novels: Any, as_user: Any
) -> None:
    novel = make_novels()[0]
    url = f"/api/v1/novels/{novel.pk}/"

    anonymous = trips(APIClient(), url)
    reader = trips(as_user(novel.owner), url)

    assert reader == anonymous + 2  # The token's user id, and the user.


def test_reading_with_a_session_waits_for_session_user_and_queries(
    trips: Any, make_novels: Any
) -> None:
    novel = make_novels()[0]
    client = APIClient()
    client.post(LOGIN, {"email": novel.owner.email, "password": PASSWORD})
    url = f"/api/v1/novels/{novel.pk}/"

    assert trips(client, url) == trips(APIClient(), url) + 2  # The session, and the user.


def test_a_missing_row_is_told_without_a_rollback(make_novels: Any, as_user: Any) -> None:
    """A rollback would let the connection forget every statement that it has prepared."""
    client = as_user(make_novels()[0].owner)
    with count_round_trips(), connection.cursor() as cursor:
        for _ in range(7):
            client.get("/api/v1/novels/0/")
            connection.ensure_connection()
        cursor.execute("SELECT count(*) FROM pg_prepared_statements")
        assert cursor.fetchone()[0] > 0


def test_a_statement_takes_its_identity_along_and_leaves_none(make_novels: Any) -> None:
    novel = make_novels(is_public=False)[0]

    with read_transaction(as_user=novel.owner_id):
        assert not connection.in_atomic_block
        assert Novel.objects.filter(pk=novel.pk).exists()
        with write_transaction(as_user=novel.owner_id + 1):
            assert not Novel.objects.filter(pk=novel.pk).exists()
        with write_transaction(as_user=None):
            assert not Novel.objects.filter(pk=novel.pk).exists()
        assert Novel.objects.get(pk=novel.pk).title == novel.title

    assert not Novel.objects.filter(pk=novel.pk).exists()
    with connection.cursor() as cursor:
        cursor.execute("SELECT current_setting('app.user_id', true)")
        assert not cursor.fetchone()[0]


def test_an_anonymous_read_inside_a_user_s_costs_no_identity(make_novels: Any) -> None:
    novel = make_novels(is_public=False)[0]

    with (
        trace_messages() as anonymous,
        read_transaction(as_user=novel.owner_id),
        read_transaction(as_user=None),
    ):
        assert not Novel.objects.filter(pk=novel.pk).exists()
    with trace_messages() as known, read_transaction(as_user=novel.owner_id):
        assert Novel.objects.filter(pk=novel.pk).exists()

    assert "set_config" in known.messages
    assert "set_config" not in anonymous.messages


def test_the_identity_of_a_failed_statement_is_not_inherited(make_novels: Any) -> None:
    from django.db import DataError

    novel = make_novels(is_public=False)[0]

    with read_transaction(as_user=novel.owner_id):
        with pytest.raises(DataError), connection.cursor() as cursor:
            cursor.execute("SELECT 1 / %s", [0])
        assert Novel.objects.filter(pk=novel.pk).exists()

    assert not Novel.objects.filter(pk=novel.pk).exists()


def test_a_transaction_inside_reading_keeps_the_identity(make_novels: Any) -> None:
    from django.db import transaction

    novel = make_novels(is_public=False)[0]

    with read_transaction(as_user=novel.owner_id), transaction.atomic():
        assert Novel.objects.filter(pk=novel.pk).exists()
        assert Novel.objects.filter(pk=novel.pk).update(title="New") == 1


def test_reading_in_portions_keeps_the_identity(make_novels: Any) -> None:
    novel = make_novels(is_public=False)[0]

    with read_transaction(as_user=novel.owner_id):
        assert list(Novel.objects.iterator(chunk_size=1)) == [novel]
