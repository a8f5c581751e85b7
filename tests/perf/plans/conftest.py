"""A database with enough rows that the planner has a choice, made by COPY in seconds."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

import pytest
from django.core.management import call_command
from django.db import connection, transaction

from morpheus.db.roles import connected_as
from perf.seeding import database, seeder

ROWS = {
    "novels": 3000,
    "chapters_per_novel": 4,
    "words_per_chapter": 10,
    "comics": 3000,
    "panels": 20_000,
    # Of fewer, all are read and hashed for a page: that is cheaper then.
    "users": 2000,
}


@pytest.fixture(scope="package")
def seeded(django_db_setup: None, django_db_blocker: Any) -> Iterator[None]:
    """Seed this worker's database, and empty it afterwards."""
    kinds, seeder.KINDS = seeder.KINDS, 6
    with django_db_blocker.unblock():
        call_command("seed", reset=True, quiet=True, **ROWS)
        seeder.KINDS = kinds
        yield
        with connected_as("owner"), transaction.atomic(), connection.cursor() as cursor:
            database.empty(cursor)
            cursor.execute("DELETE FROM comics_image")
