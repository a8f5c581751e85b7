"""Which statements of a write transaction are sent together, and what an error leaves."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import pytest
from django.db import IntegrityError, connection, transaction
from django.db.utils import Error

from morpheus.cache.store import cache_store
from morpheus.db.transactions import write_transaction
from morpheus.db.write_pipeline import with_next_statement
from novels.models import Novel
from tests.rls.test_round_trips import count_round_trips

pytestmark = pytest.mark.django_db(transaction=True)


@pytest.fixture
def novel(make_novels: Callable[..., list[Any]]) -> Novel:
    novel: Novel = make_novels(1, is_public=False)[0]
    return novel


def version(novel: Novel) -> str:
    tag = f"novel:{novel.pk}"
    return cache_store().read_versions([tag])[tag]


def rename(novel: Novel, title: str = "Renamed") -> int:
    return Novel.objects.filter(pk=novel.pk).update(title=title)


def title(novel: Novel) -> str:
    with write_transaction(as_user=novel.owner_id):
        return str(Novel.objects.get(pk=novel.pk).title)


def test_a_transaction_begins_with_its_first_statement(novel: Novel) -> None:
    with count_round_trips() as seen, write_transaction(as_user=novel.owner_id):
        assert Novel.objects.filter(pk=novel.pk).exists()

    # The statement, the collected tags, and COMMIT.
    assert seen.trips == 3


def test_a_transaction_without_statements_sends_nothing(novel: Novel) -> None:
    with count_round_trips() as seen, write_transaction(as_user=novel.owner_id):
        pass

    assert seen.trips == 0


def test_the_last_statements_cost_one_round_trip_and_invalidate(novel: Novel) -> None:
    before = version(novel)

    with count_round_trips() as seen, write_transaction(as_user=novel.owner_id):
        with with_next_statement():
            rename(novel, "First")
            rename(novel, "Second")
        stored = Novel.objects.filter(pk=novel.pk).values_list("title", flat=True).get()

    # The statements with the collected tags, and COMMIT.
    assert seen.trips == 2
    assert stored == "Second" == title(novel)
    assert version(novel) != before


def test_a_change_brings_the_collected_tags(novel: Novel) -> None:
    before = version(novel)

    with count_round_trips() as seen, write_transaction(as_user=novel.owner_id):
        changed = rename(novel)

    assert (seen.trips, changed) == (2, 1)
    assert version(novel) != before


def test_statements_after_a_change_invalidate_too(
    make_novels: Callable[..., list[Any]], make_user: Callable[..., Any]
) -> None:
    owner = make_user()
    first, second = make_novels(2, owner=owner)
    before = [version(first), version(second)]

    with write_transaction(as_user=owner.pk):
        rename(first)
        with connection.cursor() as cursor:
            cursor.execute("SELECT cache_touch(%s)", [[f"novel:{second.pk}"]])

    assert version(first) != before[0]
    assert version(second) != before[1]


def test_tags_of_a_savepoint_that_is_rolled_back_later_do_not_count(novel: Novel) -> None:
    before = version(novel)

    with write_transaction(as_user=novel.owner_id), pytest.raises(RuntimeError):
        with transaction.atomic():
            rename(novel)
            raise RuntimeError

    assert version(novel) == before


def test_a_statement_waits_for_the_next_one(novel: Novel) -> None:
    with count_round_trips() as seen, write_transaction(as_user=novel.owner_id):
        with with_next_statement():
            rename(novel)
        changed = Novel.objects.filter(pk=novel.pk, title="Renamed").exists()

    # Both statements with the collected tags, and COMMIT.
    assert (seen.trips, changed) == (2, True)
    assert title(novel) == "Renamed"


def test_a_statement_without_a_next_one_is_sent_before_the_commit(novel: Novel) -> None:
    before = version(novel)

    with write_transaction(as_user=novel.owner_id):
        with with_next_statement():
            rename(novel)

    assert title(novel) == "Renamed"
    assert version(novel) != before


def test_an_error_of_a_deferred_statement_rolls_back(novel: Novel) -> None:
    with pytest.raises(IntegrityError), write_transaction(as_user=novel.owner_id):
        rename(novel)
        with with_next_statement():
            Novel.objects.filter(pk=novel.pk).update(word_count=-1)
            Novel.objects.filter(pk=novel.pk).update(synopsis="Later.")

    assert title(novel) == novel.title


def test_a_deferred_statement_is_sent_though_its_block_fails(novel: Novel) -> None:
    with write_transaction(as_user=novel.owner_id):
        with pytest.raises(RuntimeError), with_next_statement():
            rename(novel)
            raise RuntimeError
        Novel.objects.filter(pk=novel.pk).update(synopsis="The other half of the change.")

    assert title(novel) == "Renamed"


def test_a_deferred_statement_of_a_savepoint_is_rolled_back_with_it(novel: Novel) -> None:
    before = version(novel)

    with write_transaction(as_user=novel.owner_id):
        with pytest.raises(RuntimeError), transaction.atomic(), with_next_statement():
            rename(novel)
            raise RuntimeError

    assert title(novel) == novel.title
    assert version(novel) == before


def test_another_transaction_of_the_connection_has_no_identity(novel: Novel) -> None:
    with write_transaction(as_user=novel.owner_id):
        assert Novel.objects.filter(pk=novel.pk).exists()

    assert not Novel.objects.filter(pk=novel.pk).exists()
    with transaction.atomic():
        assert not Novel.objects.filter(pk=novel.pk).exists()


def test_the_first_statement_may_fail(novel: Novel) -> None:
    with pytest.raises(Error), write_transaction(as_user=novel.owner_id):
        with connection.cursor() as cursor:
            cursor.execute("SELECT 1 / 0")

    assert title(novel) == novel.title


def test_code_that_bypasses_the_cursor_has_no_identity_and_is_rolled_back(novel: Novel) -> None:
    with pytest.raises(RuntimeError), write_transaction(as_user=novel.owner_id):
        update = "UPDATE novels_novel SET title = 'Bypassed' WHERE id = %s"
        connection.ensure_connection()
        assert connection.connection.execute(update, [novel.pk]).rowcount == 0
        assert rename(novel) == 1
        raise RuntimeError

    assert title(novel) == novel.title


def test_a_transaction_goes_on_after_an_error_in_a_savepoint_at_every_stage_of_preparation(
    novel: Novel,
) -> None:
    connection.close()  # A new connection has prepared nothing; the fifth execution prepares.

    for number in range(12):
        with write_transaction(as_user=novel.owner_id):
            rename(novel, f"Title {number}")
            with pytest.raises(IntegrityError), transaction.atomic():
                Novel.objects.create(pk=novel.pk, owner_id=novel.owner_id)
            assert Novel.objects.get(pk=novel.pk).title == f"Title {number}"
