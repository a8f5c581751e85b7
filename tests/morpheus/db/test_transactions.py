"""The identity of a transaction, which no other transaction inherits."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import pytest
from django.db import connection

from morpheus.db.transactions import write_transaction
from novels.models import Novel


def identity() -> str | None:
    with connection.cursor() as cursor:
        cursor.execute("SELECT current_setting('app.user_id', true)")
        identity: str | None = cursor.fetchone()[0]
        return identity


@pytest.mark.django_db(transaction=True)
def test_the_identity_ends_with_the_block_though_the_connection_lives_on() -> None:
    with write_transaction(as_user=7):
        inside = identity()
    connection.close()  # Back to the pool; the next checkout is the same physical connection.

    assert inside == "7"
    assert not identity()


@pytest.mark.django_db
def test_an_inner_identity_gives_way_to_the_outer_one() -> None:
    with write_transaction(as_user=7):
        with write_transaction(as_user=8):
            inner = identity()
        with write_transaction(as_user=None):
            anonymous = identity()
        outer = identity()

    assert (inner, anonymous, outer) == ("8", "", "7")


@pytest.mark.django_db
def test_private_rows_are_seen_by_owner_and_staff_alone(
    make_user: Callable[..., Any], make_novels: Callable[..., list[Any]]
) -> None:
    owner, other = make_user(), make_user()
    make_novels(1, owner=owner, is_public=False)

    def seen(user_id: int | None, **kwargs: Any) -> int:
        with write_transaction(as_user=user_id, **kwargs):
            return Novel.objects.count()

    assert [seen(owner.pk), seen(other.pk, as_staff=True)] == [1, 1]
    assert [seen(other.pk), seen(None)] == [0, 0]


@pytest.mark.django_db
def test_no_user_can_write_as_another(
    make_user: Callable[..., Any], make_novels: Callable[..., list[Any]]
) -> None:
    owner, other = make_user(), make_user()
    novel = make_novels(1, owner=owner)[0]

    with write_transaction(as_user=other.pk):
        changed = Novel.objects.filter(pk=novel.pk).update(title="Stolen")

    assert changed == 0
    with pytest.raises(Exception, match="row-level security"), write_transaction(as_user=other.pk):
        Novel.objects.create(title="Forged", owner=owner)
