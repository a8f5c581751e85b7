"""Sessions of all roles, without their statements."""

from __future__ import annotations

from typing import Any

import pytest
from django.db import connection

from perf.monitoring.statistics import connections


def test_an_open_transaction_of_another_role_has_its_age(connect: Any) -> None:
    with connect("owner") as owner, owner.transaction():
        owner.execute("SELECT 'private' AS note")

        groups = connections.sessions()

    [group] = [group for group in groups if group.role == "morpheus_owner"]
    assert (group.state, group.count, group.waiting) == ("idle in transaction", 1, 0)
    assert group.transaction_s is not None and group.transaction_s >= 0


def test_statements_of_others_are_hidden(connect: Any) -> None:
    with connect("owner") as owner, owner.transaction(), connection.cursor() as cursor:
        owner.execute("SELECT 'private' AS note")

        # The owner's sessions of other test workers use other databases.
        cursor.execute(
            "SELECT query FROM pg_stat_activity "
            "WHERE usename = 'morpheus_owner' AND datname = current_database()"
        )
        hidden = cursor.fetchall()
        cursor.execute("SELECT s::text FROM morpheus_sessions() s")
        sessions = cursor.fetchall()

    assert hidden == [("<insufficient privilege>",)]
    assert sessions and not any("private" in text for (text,) in sessions)


@pytest.mark.django_db
def test_usable_connections_exclude_those_of_administrators() -> None:
    limits = connections.connection_limits()

    assert 0 < limits.used <= limits.maximum
    assert limits.usable == limits.maximum - limits.reserved < limits.maximum
