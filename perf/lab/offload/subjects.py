"""The rows that requests name, by popularity; read once from the seeded data."""

from __future__ import annotations

import re
from bisect import bisect_right
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field, fields
from typing import Any, TypeVar

import psycopg

from perf.seeding.chance import Draw, Skewed, draws

T = TypeVar("T")

# Zipf's law with exponent 1, the usual assumption for popularity; a smaller exponent makes every
# cache look worse, a larger one better.
EXPONENT = 1.0
# Distinct searches, of a word or two.
QUERIES = 3_000
# Readers search for a title, an author, at times for words of the text.
_SEARCHED = (0.6, 0.85, 1.0)

# The visibility of every 50th public novel changes. Reads of single novels avoid them, so that no
# response is 404 in one mode and 200 in the other.
_NOVELS = """
SELECT n.id, n.owner_id, n.chapter_count
FROM novels_novel n JOIN novels_processingstatus s ON s.novel_id = n.id
WHERE CASE
    WHEN n.is_public AND mod(n.id, 50) = 0 THEN 'reserved'
    WHEN s.state IN ('pending', 'processing') THEN 'unfinished'
    WHEN n.chapter_count > 0 THEN CASE WHEN n.is_public THEN 'read' ELSE 'private' END
END = %s ORDER BY n.id
"""
_COMICS = """
SELECT c.id, c.owner_id, left(i.digest, 16)
FROM comics_comic c JOIN comics_image i ON i.id = c.cover_id
WHERE c.is_public ORDER BY c.id
"""
_TEXTS = """
SELECT n.title, n.author, left(t.content, 600)
FROM novels_novel n
JOIN novels_chapter c ON c.novel_id = n.id AND c.number = 1
JOIN novels_chaptertext t ON t.chapter_id = c.id
WHERE n.is_public ORDER BY n.id LIMIT 2000
"""


class NoSubjects(Exception):
    """The database lacks rows of a kind; the message says what to do."""


@dataclass(frozen=True, slots=True)
class Novel:
    id: int
    owner: int
    chapters: int


@dataclass(frozen=True, slots=True)
class Comic:
    """A public comic; `version` ends the URL of its thumbnail."""

    id: int
    owner: int
    version: str


@dataclass(frozen=True)
class Subjects:
    """All rows by popularity, the most popular first.

    Attributes:
        read: Public novels with chapters.
        private: Private novels with chapters.
        unfinished: Novels that are pending or processing, public or private.
        reserved: Public novels whose visibility the run changes.
        seed: Determines the popularity and the text that is sent.
    """

    read: Sequence[Novel]
    private: Sequence[Novel]
    unfinished: Sequence[Novel]
    reserved: Sequence[Novel]
    comics: Sequence[Comic]
    members: Sequence[int]
    emails: Mapping[int, str]
    genres: Sequence[str]
    languages: Sequence[str]
    authors: Sequence[str]
    queries: Sequence[str]
    seed: int
    _skews: dict[int, Skewed] = field(default_factory=dict)

    def popular(self, things: Sequence[T], draw: Draw) -> T:
        """Draw one of the things by Zipf's law."""
        count = len(things)
        if count not in self._skews:
            self._skews[count] = Skewed(count, EXPONENT)
        return things[self._skews[count].rank(draw)]


def load_subjects(database_url: str, *, seed: int) -> Subjects:
    """Read the rows, bypassing row level security; the same rows and seed give the same order.

    Raises:
        NoSubjects: Seed first.
    """
    with psycopg.connect(database_url) as connection:

        def rows(query: str, *values: object) -> list[tuple[Any, ...]]:
            return connection.execute(query.encode(), values).fetchall()

        def column(query: str) -> list[Any]:
            return [row[0] for row in rows(query)]

        def novels(group: str) -> list[Novel]:
            return [Novel(*row) for row in rows(_NOVELS, group)]

        emails = dict(rows("SELECT id, email FROM users_user WHERE NOT is_staff ORDER BY id"))
        subjects = Subjects(
            read=novels("read"),
            private=novels("private"),
            unfinished=novels("unfinished"),
            reserved=novels("reserved"),
            comics=[Comic(*row) for row in rows(_COMICS)],
            members=list(emails),
            emails=emails,
            genres=column("SELECT slug FROM novels_genre ORDER BY slug"),
            languages=column("SELECT code FROM novels_language ORDER BY code <> 'en', code"),
            authors=column("SELECT DISTINCT author FROM novels_novel WHERE is_public ORDER BY 1"),
            queries=_make_queries(rows(_TEXTS), seed),
            seed=seed,
        )
    for name in (each.name for each in fields(subjects)):
        things = getattr(subjects, name)
        if isinstance(things, list):
            if not things:
                raise NoSubjects(f"There are no {name} to request: seed more.")
            if name != "languages":  # English is the most popular.
                _shuffle(things, draws(seed, "popularity", name))
    return subjects


def _make_queries(texts: list[tuple[Any, ...]], seed: int) -> list[str]:
    """Return words of titles, authors and chapters, and pairs of neighbours, all distinct."""
    draw = draws(seed, "queries")
    queries: dict[str, None] = {}
    for _ in range(3 * QUERIES if texts else 0):
        text = texts[int(draw() * len(texts))][bisect_right(_SEARCHED, draw())]
        words = re.findall(r"[A-Za-z]{4,}", text) or ["novel"]
        first = int(draw() * len(words))
        queries[" ".join(words[first : first + (2 if draw() < 0.5 else 1)]).lower()] = None
    return list(queries)[:QUERIES]


def _shuffle(things: list[Any], draw: Draw) -> None:
    """Shuffle in place (Fisher and Yates), the same on every version of Python."""
    for last in range(len(things) - 1, 0, -1):
        other = int(draw() * (last + 1))
        things[last], things[other] = things[other], things[last]
