"""What cannot be read says so in a sentence, and spoils nothing else."""

from __future__ import annotations

import pytest
from django.db import OperationalError, connection

from perf.monitoring.statistics import statements, tables
from perf.monitoring.statistics.reading import StatsUnavailable, limited, rows


@pytest.mark.django_db
def test_what_takes_too_long_is_given_up_and_the_transaction_goes_on():
    with pytest.raises(StatsUnavailable, match="did not answer within 50 ms"):
        with limited(50) as cursor:
            cursor.execute("SELECT pg_sleep(20)")

    assert rows("SELECT 1") == [(1,)]


def test_a_table_that_is_being_altered_is_not_waited_for(connect):
    with connect("owner") as owner, owner.transaction():
        owner.execute("LOCK TABLE novels_novel IN ACCESS EXCLUSIVE MODE")

        with pytest.raises(StatsUnavailable, match="locked at this moment"):
            tables.tables()


@pytest.mark.django_db
def test_without_the_extension_the_sentence_says_how_to_get_it():
    with connection.cursor() as cursor:
        # Where the extension is not looked for, it is not.
        cursor.execute("SET LOCAL search_path = pg_catalog")

    with pytest.raises(StatsUnavailable, match="shared_preload_libraries"):
        statements.totals()


@pytest.mark.django_db
def test_without_a_function_of_ours_the_sentence_says_how_to_get_it():
    with pytest.raises(StatsUnavailable, match="manage.py services roles"):
        rows("SELECT * FROM morpheus_nothing()")


@pytest.mark.django_db(transaction=True)
def test_a_lost_server_is_no_question_of_statistics():
    with pytest.raises(OperationalError):
        rows("SELECT pg_terminate_backend(pg_backend_pid())")
