"""The statements of a search: match and rank, refresh by later changes, cut snippets."""

from __future__ import annotations

import html
from collections.abc import Collection
from dataclasses import asdict, dataclass
from hashlib import sha256
from typing import Any

from django.conf import settings
from django.db import InternalError, OperationalError, connections

from morpheus.api.domain_errors import DomainError
from morpheus.db.replica import reading_alias
from morpheus.db.statement_settings import is_canceled, statement_timeout
from novels.search.matches import MAX_CANDIDATES, SPARE_CANDIDATES, Candidate, Matches

# A refresh searches each changed novel, at less than half the cost of a candidate. With more
# changed novels than this for each known candidate, a new search is cheaper.
CHANGED_PER_KNOWN = 2

# Snippets are cut from this much of a chapter; a later match shows the beginning of the chapter.
MAX_SNIPPET_CHARS = 50_000

# ts_headline puts these control characters around a match; they are removed from the text first.
_START, _STOP = "\x02", "\x03"
# `novels_search_plain` puts the first in the place of `<`, and the second into long runs.
_LESS_THAN, _BREAK = "\x01", "\x04"
_OPTIONS = (
    f"StartSel={_START}, StopSel={_STOP}, MaxWords=30, MinWords=12, MaxFragments=2, "
    'FragmentDelimiter=" … "'
)

_QUERIES = "SELECT query::text, language_id FROM novels_search_queries(%(words)s, %(language)s)"

# Without a match, one row with the snapshot remains.
_CANDIDATES = """
SELECT pg_current_snapshot()::text, id, score, novel_id, chapter_id
FROM (SELECT) one
LEFT JOIN novels_search_matches(
    %(words)s, %(mine)s, %(kind)s, %(genre)s, %(language)s, %(limit)s
) ON true
"""

# The first row holds the snapshot and the novels that changed; NULL if these are too many.
_CHANGES = """
SELECT pg_current_snapshot()::text, own, whole, id, score, novel_id, chapter_id
FROM (SELECT) one
LEFT JOIN novels_search_changes(
    %(queries)s, %(languages)s, %(kind)s, %(genre)s,
    %(since)s::pg_snapshot, %(known)s, %(horizon)s, %(most)s, %(limit)s
) ON true
"""

# ts_headline gets an excerpt: its time grows with the square of the text's length.
_SNIPPETS = """
SELECT found.id, c.number, c.title, ts_headline(
    config,
    translate(passage.excerpt, %(delimiters)s, ''),
    passage.shown,
    %(options)s
)
FROM unnest(%(ids)s::bigint[], %(novels)s::bigint[], %(chapters)s::bigint[])
    found (id, novel_id, chapter_id)
JOIN novels_novel n ON n.id = found.novel_id
LEFT JOIN novels_chapter c ON c.id = found.chapter_id
LEFT JOIN novels_chaptertext t ON t.chapter_id = c.id
LEFT JOIN novels_language l ON l.id = n.language_id
CROSS JOIN LATERAL novels_search_config(l.search_config) config
CROSS JOIN LATERAL left(
    CASE WHEN c.id IS NULL THEN concat_ws(' · ', n.title, NULLIF(n.author, ''), n.synopsis)
    ELSE t.content END,
    %(chars)s
) text
CROSS JOIN LATERAL novels_search_excerpt(config, text, normalize(%(words)s)) passage
WHERE (n.is_public OR n.owner_id = %(reader)s) AND (found.chapter_id IS NULL OR c.id IS NOT NULL)
"""


class SearchTooSlow(Exception):
    """A statement of a search exceeded MORPHEUS_SEARCH_TIMEOUT_S."""


class SearchTooDeep(DomainError):
    """The words have more than 32 operators in a row, which PostgreSQL cannot parse."""

    field = "q"
    code = "too_complex"


@dataclass(frozen=True, slots=True)
class Search:
    """A search; None is all."""

    # As web search engines take them: quotes, `or`, `-word`. Each text is searched in its own
    # language. Words of which none has to occur match nothing.
    words: str
    # The user whose own novels are searched, of every visibility; None searches all public ones.
    reader_id: int | None = None
    # "novel" or "chapter".
    kind: str | None = None
    # Primary keys.
    genre: int | None = None
    language: int | None = None

    def match(self) -> Matches:
        """Run the search, as the reader."""
        most = MAX_CANDIDATES + SPARE_CANDIDATES
        parameters = asdict(self) | {"mine": self.reader_id is not None, "limit": most}
        # A search of the caller's own novels is never refreshed.
        parsed = _rows(_QUERIES, parameters) if self.reader_id is None else []
        rows = _rows(_CANDIDATES, parameters)
        return Matches.of(
            rows[0][0],
            [query for query, _ in parsed],
            [language for _, language in parsed],
            [Candidate(*row[1:]) for row in rows if row[1] is not None],
            at_most=most,
        )

    def refresh(self, matches: Matches) -> Matches | None:
        """Return the matches in public novels as they are now; None if it needs a new search."""
        known = len(matches.candidates)
        (snapshot, own, whole, *_), *rows = _rows(
            _CHANGES,
            asdict(self)
            | {
                "queries": matches.queries,
                "languages": matches.languages,
                "since": matches.snapshot,
                "known": known,
                "horizon": matches.horizon,
                "most": CHANGED_PER_KNOWN * known,
                "limit": MAX_CANDIDATES + SPARE_CANDIDATES,
            },
        )
        # At its limit, the refresh has ranked as much as a search, which finds the newest matches.
        if own is None or len(rows) == MAX_CANDIDATES + SPARE_CANDIDATES:
            return None
        candidates = [Candidate(*row[3:]) for row in rows]
        return matches.refresh(snapshot, whole={*whole}, own={*own}, matches=candidates)

    def snippets(self, candidates: Collection[Candidate]) -> dict[int, dict[str, Any]]:
        """Return number, title and snippet of candidates, by their ids; deleted ones are absent."""
        parameters = {
            "words": self.words,
            "reader": self.reader_id,
            "ids": [candidate.id for candidate in candidates],
            "novels": [candidate.novel_id for candidate in candidates],
            "chapters": [candidate.chapter_id for candidate in candidates],
            "chars": MAX_SNIPPET_CHARS,
            "delimiters": _START + _STOP,
            "options": _OPTIONS,
        }
        return {
            document_id: {"chapter": number, "title": title, "snippet": _mark_up(headline)}
            for document_id, number, title, headline in _rows(_SNIPPETS, parameters)
        }

    @property
    def digest(self) -> str:
        """Identifies this search among those of the same reader."""
        return _digest(self.words, self.kind, self.genre, self.language)

    @property
    def words_digest(self) -> str:
        """Identifies what a snippet depends on beside its text."""
        return _digest(self.words)


def _rows(sql: str, parameters: dict[str, Any]) -> list[Any]:
    connection = connections[reading_alias()]
    try:
        with statement_timeout(connection, settings.MORPHEUS_SEARCH_TIMEOUT_S):
            with connection.cursor() as cursor:
                cursor.execute(sql, parameters)
                rows: list[Any] = cursor.fetchall()
                return rows
    except OperationalError as error:
        if is_canceled(error):
            raise SearchTooSlow from error
        raise
    except InternalError as error:
        # PostgreSQL has no error code for it.
        if "tsquery stack too small" in str(error):
            message = "Too many operators; use fewer minus signs."
            raise SearchTooDeep(message) from error
        raise


def _digest(*parts: Any) -> str:
    return sha256(repr(parts).encode()).hexdigest()[:32]


def _mark_up(headline: str) -> str:
    """Return a headline as HTML: the text escaped, each match in a `mark` element."""
    text = headline.replace(_LESS_THAN, "<").replace(_BREAK, "")
    escaped = html.escape(" ".join(text.split()))
    return escaped.replace(_START, "<mark>").replace(_STOP, "</mark>")
