"""Where `cache_touch` writes a tag: to the transaction of ours, or to the outbox."""

from __future__ import annotations

from collections.abc import Callable

import psycopg
import pytest
from django.db import connection, transaction

from morpheus.db.transactions import read_transaction, write_transaction
from tests.conftest import list_outbox_tags

pytestmark = pytest.mark.django_db(transaction=True)


def touch(*tags: str | None) -> None:
    with connection.cursor() as cursor:
        cursor.execute("SELECT cache_touch(%s::text[])", [list(tags)])


def read_collected_tags() -> list[str] | None:
    """Return what our transaction has read_collected_tags; None where it collects nothing."""
    with connection.cursor() as cursor:
        cursor.execute("SELECT current_setting('app.touches', true)")
        setting = cursor.fetchone()[0]
    if not setting:
        return None
    dot, *tags = setting.split(",")
    assert dot == "."
    return sorted(tags)


@pytest.mark.parametrize("role", ["app", "loader", "owner", "superuser"])
def test_a_change_outside_of_our_transactions_goes_to_the_outbox(
    psql: psycopg.Connection, connect: Callable[[str], psycopg.Connection], role: str
) -> None:
    connect(role).execute("SELECT cache_touch('{novel:1,novel:2,novel:1,NULL}')")

    assert list_outbox_tags(psql) == ["novel:1", "novel:2"]


def test_other_roles_may_not_touch_tags(
    psql: psycopg.Connection, connect: Callable[[str], psycopg.Connection]
) -> None:
    psql.execute("DROP ROLE IF EXISTS stranger")
    psql.execute("CREATE ROLE stranger")
    try:
        allowed = psql.execute(
            "SELECT has_function_privilege('stranger', 'cache_touch(text[])', 'EXECUTE')"
        ).fetchone()
    finally:
        psql.execute("DROP ROLE stranger")

    assert allowed == (False,)


def test_a_transaction_of_ours_collects_and_leaves_the_outbox_alone(
    psql: psycopg.Connection,
) -> None:
    with write_transaction(as_user=7):
        assert read_collected_tags() == []
        touch("novel:1", "novel:2", None)
        touch("novel:2", "owner:7")
        inside = read_collected_tags()

    assert inside == ["novel:1", "novel:2", "owner:7"]
    assert read_collected_tags() is None
    assert list_outbox_tags(psql) == []


def test_nothing_is_collected_for_nothing(psql: psycopg.Connection) -> None:
    with write_transaction(as_user=7):
        touch()
        touch(None)
        assert read_collected_tags() == []
    touch()
    touch(None)

    assert list_outbox_tags(psql) == []


def test_inner_identities_add_to_what_the_outer_one_collected() -> None:
    with write_transaction(as_user=7):
        touch("novel:1")
        with write_transaction(as_user=8):
            touch("novel:2")
            with write_transaction(as_staff=True):
                touch("novel:3")
        touch("novel:4")
        assert read_collected_tags() == [f"novel:{number}" for number in range(1, 5)]


def test_a_transaction_collects_from_the_first_identity_on(psql: psycopg.Connection) -> None:
    with transaction.atomic():
        touch("novel:1")
        with write_transaction(as_user=7):
            touch("novel:2")
        touch("novel:3")
        assert read_collected_tags() == ["novel:2", "novel:3"]

    assert list_outbox_tags(psql) == ["novel:1"]


def test_a_savepoint_that_is_rolled_back_forgets_its_tags() -> None:
    with write_transaction(as_user=7):
        touch("novel:1")
        with pytest.raises(ZeroDivisionError), transaction.atomic():
            touch("novel:2")
            raise ZeroDivisionError
        with transaction.atomic():
            touch("novel:3")
        assert read_collected_tags() == ["novel:1", "novel:3"]


def test_a_write_while_reading_goes_to_the_outbox(psql: psycopg.Connection) -> None:
    """Each statement is a transaction there, so its collected tags would be lost."""
    with read_transaction(as_user=7):
        touch("novel:1")

    assert list_outbox_tags(psql) == ["novel:1"]


def test_a_thousand_tags_are_kept_and_more_are_everything(psql: psycopg.Connection) -> None:
    def numbered(count: int) -> list[str]:
        return [f"novel:{number}" for number in range(count)]

    for count, expected in ((1000, 1000), (1001, 1)):
        psql.execute("TRUNCATE cache_outbox")
        touch(*numbered(count), *numbered(count))
        with write_transaction(as_user=7):
            touch(*numbered(count))
            assert len(read_collected_tags() or ()) == len(list_outbox_tags(psql)) == expected

    assert list_outbox_tags(psql) == ["all"]


def test_what_accumulates_beyond_a_thousand_is_everything() -> None:
    with write_transaction(as_user=7):
        touch(*(f"novel:{number}" for number in range(999)))
        touch("novel:0", "comic:1")
        assert len(read_collected_tags() or ()) == 1000
        touch("comic:2")
        assert read_collected_tags() == ["all"]
        touch("comic:3")
        assert read_collected_tags() == ["all"]


def test_everything_takes_the_place_of_what_was_collected(psql: psycopg.Connection) -> None:
    with write_transaction(as_user=7):
        touch("novel:1")
        touch("novel:2", "all")
        assert read_collected_tags() == ["all"]
    touch("novel:2", "all")

    assert list_outbox_tags(psql) == ["all"]
