"""What is asked for."""

from __future__ import annotations

from dataclasses import dataclass

import psycopg

PANELS = 50

# Of the newest: what the list begins with, and what people ask for.
_NOVEL = """
SELECT id FROM novels_novel
WHERE is_public AND genre_id IS NOT NULL AND language_id IS NOT NULL
ORDER BY created_at DESC, id DESC LIMIT 1
"""
_COMIC = """
SELECT id FROM comics_comic WHERE is_public AND panel_count >= %s
ORDER BY created_at DESC, id DESC LIMIT 1
"""


class NothingToCompare(Exception):
    """The database lacks rows of a kind; the message says which."""


@dataclass(frozen=True)
class Route:
    """A GET; `rows` is how many the answer's list has, 0 for one object."""

    name: str
    path: str
    rows: int = 0


def routes(database_url: str) -> list[Route]:
    """Return what is asked for, of the rows that are there.

    Raises:
        NothingToCompare: There is no public novel, or no public comic of 50 panels.
    """
    with psycopg.connect(database_url) as connection:
        novel = connection.execute(_NOVEL).fetchone()
        comic = connection.execute(_COMIC, [PANELS]).fetchone()
    if novel is None or comic is None:
        raise NothingToCompare(f"Seed a public novel, and a public comic of {PANELS} panels.")
    return [
        Route("list", "/api/v1/novels/", rows=20),
        Route("detail", f"/api/v1/novels/{novel[0]}/"),
        Route("panels", f"/api/v1/comics/{comic[0]}/panels/?page_size={PANELS}", rows=PANELS),
        Route("status", f"/api/v1/novels/{novel[0]}/status/"),
    ]
