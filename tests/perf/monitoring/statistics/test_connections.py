"""Sessions of everybody, without what they execute."""

from __future__ import annotations

import pytest
from django.db import connection

from perf.monitoring.statistics import connections


def test_a_transaction_that_another_role_leaves_open_is_seen_with_its_age(connect):
    with connect("owner") as owner, owner.transaction():
        owner.execute("SELECT 'private' AS note")

        groups = connections.sessions()

    [found] = [one for one in groups if one.role == "morpheus_owner"]
    assert (found.state, found.count, found.waiting) == ("idle in transaction", 1, 0)
    assert found.transaction_s is not None and found.transaction_s >= 0


def test_what_others_execute_stays_hidden(connect):
    with connect("owner") as owner, owner.transaction(), connection.cursor() as cursor:
        owner.execute("SELECT 'private' AS note")

        # Other workers' owners are at databases of their own.
        cursor.execute(
            "SELECT query FROM pg_stat_activity "
            "WHERE usename = 'morpheus_owner' AND datname = current_database()"
        )
        hidden = cursor.fetchall()
        cursor.execute("SELECT s::text FROM morpheus_sessions() s")
        told = cursor.fetchall()

    assert hidden == [("<insufficient privilege>",)]
    assert told and not any("private" in text for (text,) in told)


@pytest.mark.django_db
def test_the_limit_leaves_out_what_is_kept_for_administrators():
    found = connections.limits()

    assert 0 < found.used <= found.most
    assert found.usable == found.most - found.reserved < found.most
