"""Every SQL shape that reads and stores reading progress."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any, NamedTuple, Self

from django.db import connection, models

_ENTRIES = """unnest(
    %s::bigint[], %s::bigint[], %s::integer[], %s::float8[], %s::boolean[], %s::timestamptz[]
) WITH ORDINALITY e (novel_id, comic_id, number, position, is_finished, read_at, at)"""
_IS_KNOWN = """
(
    EXISTS (SELECT FROM novels_chapter c WHERE c.novel_id = n.id AND c.number = e.number)
    OR EXISTS (SELECT FROM comics_panel p WHERE p.comic_id = k.id AND p.number = e.number)
)
"""
# Row level security shows no more; this is the first lock.
_VISIBLE = """
LEFT JOIN novels_novel n ON n.id = e.novel_id AND (n.is_public OR n.owner_id = %s)
LEFT JOIN comics_comic k ON k.id = e.comic_id AND (k.is_public OR k.owner_id = %s)
"""
# In the order of the unique index, so that two of these cannot deadlock. ON CONFLICT locks the rows
# that it leaves as they are, too.
_STORE = f"""
INSERT INTO reading_progress
    (user_id, novel_id, comic_id, number, position, is_finished, read_at)
SELECT %s, e.novel_id, e.comic_id, e.number, e.position, e.is_finished, e.read_at
FROM {_ENTRIES}
{_VISIBLE}
WHERE {_IS_KNOWN}
ORDER BY e.novel_id, e.comic_id
ON CONFLICT (user_id, novel_id, comic_id) DO UPDATE
SET number = excluded.number, position = excluded.position,
    is_finished = excluded.is_finished, read_at = excluded.read_at
WHERE excluded.read_at > reading_progress.read_at
RETURNING novel_id, comic_id
"""  # noqa: S608 - of constants
# LIMIT keeps the planner from reading all places of the user for each entry.
_STORED = f"""
SELECT COALESCE(n.id, k.id) IS NOT NULL, {_IS_KNOWN},
    COALESCE(pn.number, pk.number), COALESCE(pn.position, pk.position),
    COALESCE(pn.is_finished, pk.is_finished), COALESCE(pn.read_at, pk.read_at)
FROM {_ENTRIES}
{_VISIBLE}
LEFT JOIN LATERAL (
    SELECT number, position, is_finished, read_at FROM reading_progress
    WHERE user_id = %s AND novel_id = n.id LIMIT 1
) pn ON true
LEFT JOIN LATERAL (
    SELECT number, position, is_finished, read_at FROM reading_progress
    WHERE user_id = %s AND novel_id IS NULL AND comic_id = k.id LIMIT 1
) pk ON true
ORDER BY e.at
"""  # noqa: S608 - of constants


class StoredPlace(NamedTuple):
    """What the database has of an entry that was not stored.

    Attributes:
        is_visible: Whether the user can see the novel or comic.
        is_known: Whether that has the chapter or panel.
        number: The stored place, with the next ones; None without one.
    """

    is_visible: bool
    is_known: bool
    number: int | None
    position: float
    is_finished: bool
    read_at: Any


class ProgressQuerySet(models.QuerySet[Any]):
    """Reads and the upsert of reading progress."""

    def unfinished_of(self, user_id: int | None) -> Self:
        """What a user has begun and not finished."""
        return self.filter(user_id=user_id, is_finished=False)

    def of_work(self, user_id: int, kind: str, pk: int) -> Self:
        """The progress of a user in one work: a `novel` or a `comic`."""
        other = {"novel": "comic", "comic": "novel"}[kind]
        return self.filter(**{"user_id": user_id, f"{kind}_id": pk, f"{other}_id__isnull": True})

    def store(self, user_id: int, entries: Sequence[Any]) -> set[tuple[int | None, int | None]]:
        """Store the entries that are newer than the user's rows; return their works: 1 statement.

        An entry is left out if the user cannot see the work, if that has no such chapter or panel,
        or if the stored row is as new. Rows of the works that the user can see are locked.

        Args:
            entries: Instances with different works.

        Raises:
            IntegrityError: A work is being deleted.
        """
        with connection.cursor() as cursor:
            cursor.execute(_STORE, [user_id, *_columns(entries), user_id, user_id])
            return {(novel_id, comic_id) for novel_id, comic_id in cursor.fetchall()}

    def stored(self, user_id: int, entries: Sequence[Any]) -> list[StoredPlace]:
        """Return what the database has of each entry: 1 query."""
        with connection.cursor() as cursor:
            cursor.execute(_STORED, [*_columns(entries), *[user_id] * 4])
            return [StoredPlace(*row) for row in cursor.fetchall()]


def _columns(entries: Sequence[Any]) -> list[list[Any]]:
    """Return the parameters of `_ENTRIES`."""
    names = ("novel_id", "comic_id", "number", "position", "is_finished", "read_at")
    return [[getattr(entry, name) for entry in entries] for name in names]
