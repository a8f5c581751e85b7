"""The reads that are measured: every GET of the API that touches a table with private rows."""

from __future__ import annotations

from dataclasses import dataclass
from urllib.parse import urlencode

from django.db import connection
from django.urls import reverse

from morpheus.db.roles import connected_as


@dataclass(frozen=True)
class Read:
    """One request.

    Attributes:
        route: Name of the URL pattern.
        label: What tells it from other requests of the route.
        reader_id: Who asks; None is anonymous.
    """

    route: str
    label: str
    url: str
    reader_id: int | None


@dataclass(frozen=True)
class Subjects:
    """The rows that are asked for: what is biggest, so that a cost per row shows.

    Attributes:
        owner: Who owns most novels and is the reader where somebody must be.
        word: A frequent one.
    """

    owner: int
    novel: int
    comic: int
    word: str


class NothingToRead(Exception):
    """The database has no public novel with chapters, or no public comic with panels."""


_SUBJECTS = """
SELECT
    (SELECT owner_id FROM novels_novel GROUP BY owner_id ORDER BY count(*) DESC, 1 LIMIT 1),
    (SELECT id FROM novels_novel WHERE is_public ORDER BY chapter_count DESC, id LIMIT 1),
    (SELECT id FROM comics_comic WHERE is_public ORDER BY panel_count DESC, id LIMIT 1),
    (SELECT split_part(content, ' ', 3) FROM novels_chaptertext ORDER BY chapter_id LIMIT 1)
"""


def subjects() -> Subjects:
    """Choose what is read.

    Raises:
        NothingToRead: Seed first.
    """
    with connected_as("loader"), connection.cursor() as cursor:
        cursor.execute(_SUBJECTS)
        found = cursor.fetchone()
    if None in found:
        raise NothingToRead("There is nothing to read: `manage.py seed` first.")
    return Subjects(*found)


def reads(of: Subjects) -> list[Read]:
    """Return the requests, anonymous ones and those of a reader."""
    novel, comic = {"novel_id": of.novel}, {"comic_id": of.comic}
    both: list[tuple[str, str, dict[str, int], dict[str, object]]] = [
        ("novels", "newest", {}, {}),
        ("novels", "by title, 100", {}, {"ordering": "title", "page_size": 100}),
        ("novels", "one owner", {}, {"owner": of.owner}),
        ("novel", "", novel, {}),
        ("novel-chapters", "100", novel, {"page_size": 100}),
        ("novel-chapter", "", novel | {"number": 1}, {}),
        ("novel-status", "", novel, {}),
        ("search", "frequent word", {}, {"q": of.word}),
        ("comics", "newest", {}, {}),
        ("comics", "of a novel", {}, {"novel": of.novel}),
        ("comic", "", comic, {}),
        ("comic-panels", "100", comic, {"page_size": 100}),
        ("comic-panel-image", "", comic | {"number": 1}, {}),
        ("comic-thumbnail", "", comic, {}),
    ]
    own: list[tuple[str, str, dict[str, int], dict[str, object]]] = [
        ("novels", "mine", {}, {"owner": "me"}),
        ("comics", "mine", {}, {"owner": "me"}),
        ("search", "mine", {}, {"q": of.word, "scope": "mine"}),
        ("user-dashboard", "", {}, {}),
    ]
    return [
        Read(route, label, _url(route, where, query), reader)
        for reader, requests in ((None, both), (of.owner, both + own))
        for route, label, where, query in requests
    ]


def _url(route: str, where: dict[str, int], query: dict[str, object]) -> str:
    return reverse(route, kwargs=where) + (f"?{urlencode(query)}" if query else "")
