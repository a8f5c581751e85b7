"""What may not be kept by django-cachalot stops the start."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

import psycopg
import pytest
from django.core.checks import run_checks
from django.db import connection

from morpheus.checks import CONTRADICTIONS


def list_errors(settings: Any, *tables: str) -> set[str | None]:
    settings.CACHALOT_ONLY_CACHABLE_TABLES = tables
    messages = [
        *run_checks(tags=[CONTRADICTIONS]),
        *run_checks(tags=["database"], databases=["default"]),
    ]
    return {message.id for message in messages}


def test_the_tables_of_the_settings_are_accepted(db: None, settings: Any) -> None:
    assert list_errors(settings, *settings.CACHALOT_ONLY_CACHABLE_TABLES) == set()


def test_no_tables_would_be_all_tables(db: None, settings: Any) -> None:
    assert list_errors(settings) == {"morpheus.E008"}


def test_a_table_that_does_not_exist_is_refused(db: None, settings: Any) -> None:
    assert list_errors(settings, "novels_genre", "novels_gnere") == {"morpheus.E009"}


@pytest.mark.parametrize("table", ["django_tasks_database_dbtaskresult", "django_session"])
def test_columns_that_json_does_not_give_back_are_refused(
    db: None, settings: Any, table: str
) -> None:
    assert list_errors(settings, table) == {"morpheus.E010"}


@pytest.mark.parametrize("table", ["novels_novel", "comics_panel", "users_user"])
def test_a_table_under_row_level_security_is_refused(db: None, settings: Any, table: str) -> None:
    assert "morpheus.E011" in list_errors(settings, table)


@pytest.fixture
def counted_anew(psql: psycopg.Connection) -> Iterator[None]:
    """Forget what other tests did to the genres, and let them not see what this one does."""
    forget = "SELECT pg_stat_reset_single_table_counters('novels_genre'::regclass)"
    psql.execute(forget)
    yield
    psql.execute(forget)


@pytest.mark.django_db(transaction=True)
def test_a_table_that_is_written_all_the_time_is_refused(
    settings: Any, psql: psycopg.Connection, counted_anew: None
) -> None:
    psql.execute("INSERT INTO novels_genre (slug, name) SELECT n, n FROM generate_series(1, 20) n")
    for _ in range(300):
        psql.execute("UPDATE novels_genre SET name = name || '.' WHERE length(slug) < 3")
        psql.execute("UPDATE novels_genre SET name = slug WHERE length(slug) < 3")
    psql.execute("SELECT pg_stat_force_next_flush()")
    connection.close()

    assert list_errors(settings, "novels_genre", "novels_language") == {"morpheus.E012"}
