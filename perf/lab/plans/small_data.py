"""Small data that COPY writes in seconds, with enough rows that the planner has a choice."""

from __future__ import annotations

from unittest.mock import patch

from django.core.management import call_command
from django.db import connection, transaction

from morpheus.db.roles import connected_as
from perf.lab.harness.databases import prepare_thumbnails
from perf.seeding import seeder

ROWS = {
    "novels": 3000,
    "chapters_per_novel": 4,
    "words_per_chapter": 10,
    "comics": 3000,
    "panels": 20_000,
    # With fewer users, a sequential scan and a hash join are cheaper for a page.
    "users": 2000,
}
# Different pictures; drawing them takes the longest.
KINDS = 6

_LOGINS = {
    "users_token": "INSERT INTO users_token (user_id, digest, created_at, expires_at) "
    "SELECT id, sha256(id::text::bytea), now(), now() + interval '1 day' FROM users_user",
    "django_session": "INSERT INTO django_session (session_key, session_data, expire_date) "
    "SELECT md5(id::text), 'small', now() + interval '1 day' FROM users_user",
}
_FILES = {
    "novels_novelupload": "INSERT INTO novels_novelupload "
    "(novel_id, owner_id, digest, filename, path, size_bytes, uploaded_at) "
    "SELECT id, owner_id, md5(id::text), 'a.txt', 'nowhere', 1, now() FROM novels_novel",
    "users_export": "INSERT INTO users_export "
    "(user_id, state, progress, message, path, size_bytes, created_at, expires_at) "
    "SELECT id, 'completed', 100, '', 'nowhere', 1, now(), now() + interval '1 day' "
    "FROM users_user",
}


def add_logins() -> None:
    """Give each user of a database that was just seeded a token and a session.

    Seeding leaves their tables empty. The planner guesses the size of a table that was never
    analyzed, and an ANALYZE of a few rows changes its plans.
    """
    with connected_as("loader"), transaction.atomic(), connection.cursor() as cursor:
        cursor.execute("DELETE FROM django_session")
        for insert in _LOGINS.values():
            cursor.execute(insert)
    _vacuum("ANALYZE", *_LOGINS)


def seed_small() -> None:
    """Replace the novels, comics and users of this database, and update its statistics."""
    with patch.object(seeder, "KINDS", KINDS):
        call_command("seed", reset=True, quiet=True, **ROWS)
    prepare_thumbnails()
    with connected_as("loader"), transaction.atomic(), connection.cursor() as cursor:
        for insert in _FILES.values():
            cursor.execute(insert)
    add_logins()
    _vacuum("ANALYZE", *_FILES)
    # They are small: pages that deleted rows have left would decide their plans.
    _vacuum("FULL, ANALYZE", "comics_rendition", "novels_publiccount")


def _vacuum(options: str, *tables: str) -> None:
    with connected_as("owner"), connection.cursor() as cursor:
        # VACUUM marks a page all-visible only when its commit is flushed, which the test services
        # do late; this commit flushes all earlier ones.
        cursor.execute("SET synchronous_commit TO on")
        cursor.execute("CREATE TEMPORARY TABLE flushed ON COMMIT DROP AS SELECT 1")
        cursor.execute(f"VACUUM ({options}) {', '.join(tables)}")
