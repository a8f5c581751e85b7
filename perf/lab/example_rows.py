"""Rows of the seeded data that example requests name."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

from django.core.management.base import CommandError
from django.db import connection

from morpheus.db.transactions import write_transaction


@dataclass(frozen=True)
class ExampleRows:
    """A novel and a comic, and values for `ExampleRequest.build`.

    Attributes:
        values: By the names that examples use.
    """

    owner_id: int
    values: dict[str, Any]


# The first novel and the first comic of one owner, so that "owner" owns both.
_FIRST = """
SELECT n.owner_id, n.id, c.id, g.slug, l.code,
    (SELECT array_agg(id ORDER BY number DESC) FROM comics_panel WHERE comic_id = c.id)
FROM novels_novel n
JOIN novels_genre g ON g.id = n.genre_id
JOIN novels_language l ON l.id = n.language_id
CROSS JOIN LATERAL (
    SELECT id FROM comics_comic
    WHERE owner_id = n.owner_id AND is_public AND panel_count > 0
    ORDER BY id LIMIT 1
) c
WHERE n.is_public AND n.chapter_count > 0
ORDER BY n.id LIMIT 1
"""
# The largest of each kind, so that a cost per row shows.
_LARGEST = """
SELECT
    (SELECT owner_id FROM novels_novel GROUP BY owner_id ORDER BY count(*) DESC, 1 LIMIT 1),
    (SELECT id FROM novels_novel WHERE is_public ORDER BY chapter_count DESC, id LIMIT 1),
    (SELECT id FROM comics_comic WHERE is_public ORDER BY panel_count DESC, id LIMIT 1),
    (SELECT slug FROM novels_genre ORDER BY id LIMIT 1),
    (SELECT code FROM novels_language ORDER BY id LIMIT 1),
    (
        SELECT array_agg(id ORDER BY number DESC) FROM comics_panel
        WHERE comic_id = (
            SELECT id FROM comics_comic WHERE is_public ORDER BY panel_count DESC, id LIMIT 1
        )
    )
"""


def first_rows() -> ExampleRows:
    """Return the first public novel and comic that belong to the same owner.

    Raises:
        CommandError: Seed first.
    """
    return _find(_FIRST)


def largest_rows() -> ExampleRows:
    """Return the owner of most novels, the novel of most chapters, the comic of most panels.

    Raises:
        CommandError: Seed first.
    """
    return _find(_LARGEST)


def _find(statement: str) -> ExampleRows:
    # Users are visible to themselves and to staff alone.
    with write_transaction(as_staff=True), connection.cursor() as cursor:
        cursor.execute(statement)
        row = cursor.fetchone()
    if row is None or None in (*row[:3], row[5]):
        raise CommandError("There is nothing to read: run `manage.py seed` first.")
    owner_id, novel_id, comic_id, genre, language, panel_ids = row
    values = {"user_id": owner_id, "novel_id": novel_id, "comic_id": comic_id, "number": 1}
    # The last of the reversed order is the first panel.
    values |= {"panel_ids": panel_ids, "panel_id": panel_ids[-1]}
    return ExampleRows(owner_id, values | {"genre": genre, "language": language})
