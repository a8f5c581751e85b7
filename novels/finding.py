"""Full-text search: one statement finds and ranks, another cuts the snippets of a page."""

from __future__ import annotations

import html
from collections.abc import Collection
from dataclasses import dataclass
from hashlib import sha256
from typing import Any, NamedTuple

from django.db import connections

from morpheus.db.replica import reading_alias

# So many of the newest matches are ranked: ranking reads each one's whole vector.
MAX_CANDIDATES = 1000

# Snippets are cut from this much of a chapter. A match further on shows the chapter's beginning.
MAX_SNIPPET_CHARS = 50_000

# What PostgreSQL puts around a match; two control characters that the text is freed from first.
_START, _STOP = "\x02", "\x03"
_OPTIONS = (
    f"StartSel={_START}, StopSel={_STOP}, MaxWords=30, MinWords=12, MaxFragments=2, "
    'FragmentDelimiter=" … "'
)

_CANDIDATES = """
SELECT id, score, novel_id, chapter_id
FROM novels_search_matches(%(words)s, %(mine)s, %(kind)s, %(genre)s, %(language)s, %(limit)s)
ORDER BY score DESC, id DESC
"""

_SNIPPETS = """
SELECT found.id, c.number, c.title, ts_headline(
    config,
    translate(
        CASE WHEN c.id IS NULL THEN concat_ws(' · ', n.title, NULLIF(n.author, ''), n.synopsis)
        ELSE left(t.content, %(chars)s) END,
        %(delimiters)s, ''
    ),
    websearch_to_tsquery(config, %(words)s),
    %(options)s
)
FROM unnest(%(ids)s::bigint[], %(novels)s::bigint[], %(chapters)s::bigint[])
    found (id, novel_id, chapter_id)
JOIN novels_novel n ON n.id = found.novel_id
LEFT JOIN novels_chapter c ON c.id = found.chapter_id
LEFT JOIN novels_chaptertext t ON t.chapter_id = c.id
LEFT JOIN novels_language l ON l.id = n.language_id
CROSS JOIN LATERAL novels_search_config(l.search_config) config
WHERE (n.is_public OR n.owner_id = %(reader)s) AND (found.chapter_id IS NULL OR c.id IS NOT NULL)
"""


class Candidate(NamedTuple):
    """A document that was found; without a chapter it is the novel's own.

    Attributes:
        id: Primary key of the search document.
        score: Rank in millionths: a float would not survive the way through a cursor.
    """

    id: int
    score: int
    novel_id: int
    chapter_id: int | None


@dataclass(frozen=True, slots=True)
class Search:
    """What is searched for, and where.

    Attributes:
        words: As web search engines take them: quotes, `or`, `-word`. Texts are asked in their own
            language; one that leaves no word that must occur finds nothing.
        reader_id: Whose own novels of every visibility are searched; None is all public ones.
        kind: "novel" or "chapter"; None is both.
        genre: Primary key; None is all.
        language: Primary key; None is all.
    """

    words: str
    reader_id: int | None = None
    kind: str | None = None
    genre: int | None = None
    language: int | None = None

    def candidates(self) -> list[Candidate]:
        """Return what is found, best first, equal ranks by the newest; run it as the reader."""
        parameters = {
            "words": self.words,
            "mine": self.reader_id is not None,
            "kind": self.kind,
            "genre": self.genre,
            "language": self.language,
            "limit": MAX_CANDIDATES,
        }
        return [Candidate(*row) for row in _rows(_CANDIDATES, parameters)]

    def snippets(self, found: Collection[Candidate]) -> dict[int, dict[str, Any]]:
        """Return what is shown of candidates, by their ids, without what is not there any more."""
        parameters = {
            "words": self.words,
            "reader": self.reader_id,
            "ids": [one.id for one in found],
            "novels": [one.novel_id for one in found],
            "chapters": [one.chapter_id for one in found],
            "chars": MAX_SNIPPET_CHARS,
            "delimiters": _START + _STOP,
            "options": _OPTIONS,
        }
        return {
            document_id: {"chapter": number, "title": title, "snippet": _marked(headline)}
            for document_id, number, title, headline in _rows(_SNIPPETS, parameters)
        }

    @property
    def digest(self) -> str:
        """What tells this search from others of the same reader."""
        return _digest(self.words, self.kind, self.genre, self.language)

    @property
    def words_digest(self) -> str:
        """What snippets depend on beside their text."""
        return _digest(self.words)


def _rows(sql: str, parameters: dict[str, Any]) -> list[Any]:
    with connections[reading_alias()].cursor() as cursor:
        cursor.execute(sql, parameters)
        return cursor.fetchall()


def _digest(*parts: Any) -> str:
    return sha256(repr(parts).encode()).hexdigest()[:32]


def _marked(headline: str) -> str:
    """Return HTML: nothing of the text is mark-up, but what was found is in `mark` elements."""
    escaped = html.escape(" ".join(headline.split()))
    return escaped.replace(_START, "<mark>").replace(_STOP, "</mark>")
