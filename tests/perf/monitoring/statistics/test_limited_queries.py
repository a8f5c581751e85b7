"""A failing query becomes a sentence and does not break the transaction."""

from __future__ import annotations

from typing import Any

import pytest
from django.db import OperationalError, connection

from perf.monitoring.statistics import statements, tables
from perf.monitoring.statistics.limited_queries import (
    StatisticsUnavailable,
    fetch_rows,
    limited_cursor,
)


@pytest.mark.django_db
def test_a_slow_query_is_cancelled_and_the_transaction_continues() -> None:
    with pytest.raises(StatisticsUnavailable, match="did not respond within 50 ms"):
        with limited_cursor(50) as cursor:
            cursor.execute("SELECT pg_sleep(20)")

    assert fetch_rows("SELECT 1") == [(1,)]


def test_a_locked_table_is_not_waited_for(connect: Any) -> None:
    with connect("owner") as owner, owner.transaction():
        owner.execute("LOCK TABLE novels_novel IN ACCESS EXCLUSIVE MODE")

        with pytest.raises(StatisticsUnavailable, match="A table is locked"):
            tables.tables()


@pytest.mark.django_db
def test_without_the_extension_the_message_says_how_to_get_it() -> None:
    with connection.cursor() as cursor:
        # Hides the extension.
        cursor.execute("SET LOCAL search_path = pg_catalog")

    with pytest.raises(StatisticsUnavailable, match="shared_preload_libraries"):
        statements.totals()


@pytest.mark.django_db
def test_without_our_function_the_message_says_how_to_get_it() -> None:
    with pytest.raises(StatisticsUnavailable, match="manage.py services roles"):
        fetch_rows("SELECT * FROM morpheus_nothing()")


@pytest.mark.django_db(transaction=True)
def test_a_lost_server_is_raised() -> None:
    with pytest.raises(OperationalError):
        fetch_rows("SELECT pg_terminate_backend(pg_backend_pid())")
