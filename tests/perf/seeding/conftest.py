"""Seeding commits, so its tests work on a database of their own kind: emptied after each."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import pytest
from django.core.management import call_command
from django.db import connection

from morpheus.db.roles import connected_as
from perf.seeding import seeder
from perf.seeding.database import SEEDED

TINY = {
    "novels": 100,
    "chapters_per_novel": 3,
    "words_per_chapter": 60,
    "comics": 40,
    "panels": 200,
    "users": 12,
    "quiet": True,
}


@pytest.fixture
def seed(transactional_db: None, monkeypatch: pytest.MonkeyPatch) -> Callable[..., None]:
    """Run `manage.py seed` at a tiny scale."""
    monkeypatch.setattr(seeder, "KINDS", 6)

    def run(*flags: str, **options: Any) -> None:
        call_command("seed", *flags, **TINY | options)

    return run


@pytest.fixture
def rows() -> Callable[..., list[Any]]:
    """Return what a query finds when row level security hides nothing."""

    def run(query: str, *params: Any) -> list[Any]:
        with connected_as("loader"), connection.cursor() as cursor:
            cursor.execute(query, params)
            return list(cursor.fetchall())

    return run


@pytest.fixture
def digests(rows: Callable[..., list[Any]]) -> Callable[[], dict[str, str]]:
    """Return a digest of each seeded table."""

    def run() -> dict[str, str]:
        query = "SELECT md5(string_agg(t::text, '|' ORDER BY t::text COLLATE \"C\")) FROM {} t"
        return {table: rows(query.format(table))[0][0] for table in SEEDED}

    return run


@pytest.fixture
def structure(rows: Callable[..., list[Any]]) -> Callable[[], list[Any]]:
    """Return every index, constraint, trigger, policy and row security flag of the database."""

    def run() -> list[Any]:
        return [
            rows("SELECT indexdef FROM pg_indexes WHERE schemaname = 'public' ORDER BY 1"),
            rows(
                "SELECT conrelid::regclass::text, conname, pg_get_constraintdef(oid), convalidated "
                "FROM pg_constraint WHERE connamespace = 'public'::regnamespace ORDER BY 1, 2"
            ),
            rows(
                "SELECT pg_get_triggerdef(oid), tgenabled FROM pg_trigger "
                "WHERE NOT tgisinternal ORDER BY 1"
            ),
            rows(
                "SELECT relname, relrowsecurity, relforcerowsecurity, relacl::text FROM pg_class "
                "WHERE relnamespace = 'public'::regnamespace ORDER BY 1"
            ),
        ]

    return run
