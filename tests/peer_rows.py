"""Rows on which peers could differ from Morpheus."""

from __future__ import annotations

import pytest
from django.core.management import call_command
from django.db import connection

from morpheus.db.roles import connected_as
from perf.lab.peers import running

ROWS = {
    "novels": 60,
    "chapters_per_novel": 1,
    "words_per_chapter": 20,
    "comics": 4,
    "panels": 300,
    "users": 10,
}


@pytest.fixture
def seeded_rows(transactional_db: None, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(running, "REDIS_DATABASE", 60)
    call_command("seed", reset=True, quiet=True, **ROWS)
    with connected_as("loader"), connection.cursor() as cursor:
        cursor.execute("UPDATE comics_comic SET is_public = true")
        # Without microseconds some formats are shorter.
        cursor.execute("UPDATE novels_novel SET updated_at = date_trunc('second', updated_at)")
