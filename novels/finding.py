"""Full-text search: one statement finds a page, reads its titles and cuts its snippets."""

from __future__ import annotations

import html
from dataclasses import dataclass
from typing import Any

from django.db import connections

from morpheus.db.replica import reading_alias
from morpheus.pagination import KeysetPagination, Position

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

_PAGE = """
WITH page AS MATERIALIZED (
    SELECT id, novel_id, chapter_id, score
    FROM novels_search_matches(%(words)s, %(mine)s, %(kind)s, %(genre)s, %(language)s, %(limit)s)
    {where}
    ORDER BY score {direction}, id {direction}
    LIMIT %(count)s
)
SELECT page.id, page.score, page.novel_id, n.title, c.number, c.title, ts_headline(
    config,
    translate(
        CASE WHEN c.id IS NULL THEN concat_ws(' · ', n.title, NULLIF(n.author, ''), n.synopsis)
        ELSE left(t.content, %(chars)s) END,
        %(delimiters)s, ''
    ),
    websearch_to_tsquery(config, %(words)s),
    %(options)s
)
FROM page
JOIN novels_novel n ON n.id = page.novel_id
LEFT JOIN novels_chapter c ON c.id = page.chapter_id
LEFT JOIN novels_chaptertext t ON t.chapter_id = c.id
LEFT JOIN novels_language l ON l.id = n.language_id
CROSS JOIN LATERAL novels_search_config(l.search_config) config
ORDER BY page.score {direction}, page.id {direction}
"""


@dataclass(frozen=True, slots=True)
class Search:
    """What is searched for, and where.

    Attributes:
        words: As web search engines take them: quotes, `or`, `-word`. Texts are asked in their own
            language; one that leaves no word that must occur finds nothing.
        mine: Whether the caller's own novels of every visibility are searched, and not the public.
        kind: "novel" or "chapter"; None is both.
        genre: Primary key; None is all.
        language: Primary key; None is all.
    """

    words: str
    mine: bool = False
    kind: str | None = None
    genre: int | None = None
    language: int | None = None

    def page(self, position: Position | None, backwards: bool, count: int) -> list[dict[str, Any]]:
        """Return `count` results beyond the position, best first (worst first backwards)."""
        descending = not backwards
        parameters: dict[str, Any] = {
            "words": self.words,
            "mine": self.mine,
            "kind": self.kind,
            "genre": self.genre,
            "language": self.language,
            "limit": MAX_CANDIDATES,
            "count": count,
            "chars": MAX_SNIPPET_CHARS,
            "delimiters": _START + _STOP,
            "options": _OPTIONS,
        }
        where = ""
        if position is not None:
            sign = ("<" if descending else ">") + ("=" if position.inclusive else "")
            where = f"WHERE (score, id) {sign} (%(score)s, %(id)s)"
            parameters["score"], parameters["id"] = position.values
        sql = _PAGE.format(where=where, direction="DESC" if descending else "ASC")
        with connections[reading_alias()].cursor() as cursor:
            cursor.execute(sql, parameters)
            return [_result(*row) for row in cursor.fetchall()]


class SearchPagination(KeysetPagination):
    """Pages of a `Search`, best first; equal ranks by the newest document."""

    def read(self, queryset: Search, backwards: bool, count: int) -> list[Any]:
        return queryset.page(self.position, backwards, count)


def _result(
    document_id: int,
    score: int,
    novel_id: int,
    novel_title: str,
    number: int | None,
    title: str | None,
    headline: str,
) -> dict[str, Any]:
    return {
        "id": document_id,
        "score": score,
        "kind": "novel" if number is None else "chapter",
        "novel": novel_id,
        "novel_title": novel_title,
        "chapter": number,
        "title": novel_title if title is None else title,
        "snippet": _marked(headline),
        "rank": score / 1_000_000,
    }


def _marked(headline: str) -> str:
    """Return HTML: nothing of the text is mark-up, but what was found is in `mark` elements."""
    escaped = html.escape(" ".join(headline.split()))
    return escaped.replace(_START, "<mark>").replace(_STOP, "</mark>")
