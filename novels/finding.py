"""Full-text search: one statement finds and ranks, another cuts the snippets of a page.

A small one says what is asked in which language, and one brings up to date what was found before.
"""

from __future__ import annotations

import html
from collections.abc import Collection, Iterable, Set
from dataclasses import dataclass
from hashlib import sha256
from typing import Any, NamedTuple

from django.conf import settings
from django.db import InternalError, OperationalError, connections

from morpheus.db.replica import reading_alias
from morpheus.db.statement_settings import is_canceled, statement_timeout

# So many of the newest matches are found, best first: ranking reads each one's whole vector.
MAX_CANDIDATES = 1000

# So many more are known of what is kept, so that others can take the place of what is withdrawn.
SPARE_CANDIDATES = 100

# Where more is found than is known, each novel that changed is looked at, which costs less than
# half of what a candidate costs: when this many changed for one that is known, it is searched anew.
CHANGED_PER_KNOWN = 2

# Snippets are cut from this much of a chapter. A match further on shows the chapter's beginning.
MAX_SNIPPET_CHARS = 50_000

# PostgreSQL puts these control characters around a match; they are removed from the text first.
_START, _STOP = "\x02", "\x03"
# `novels_search_plain` puts the first in the place of `<`, and the second into long runs.
_LESS_THAN, _BREAK = "\x01", "\x04"
_OPTIONS = (
    f"StartSel={_START}, StopSel={_STOP}, MaxWords=30, MinWords=12, MaxFragments=2, "
    'FragmentDelimiter=" … "'
)

_ASKED = "SELECT query::text, language_id FROM novels_search_queries(%(words)s, %(language)s)"

# One row says the moment where nothing is found.
_CANDIDATES = """
SELECT pg_current_snapshot()::text, id, score, novel_id, chapter_id
FROM (SELECT) one
LEFT JOIN novels_search_matches(
    %(words)s, %(mine)s, %(kind)s, %(genre)s, %(language)s, %(limit)s
) ON true
"""

# The first row says when this was so, and which novels changed; NULL where they were too many.
_CHANGES = """
SELECT pg_current_snapshot()::text, own, whole, id, score, novel_id, chapter_id
FROM (SELECT) one
LEFT JOIN novels_search_changes(
    %(queries)s, %(languages)s, %(kind)s, %(genre)s,
    %(since)s::pg_snapshot, %(known)s, %(horizon)s, %(most)s, %(limit)s
) ON true
"""

# Of a text no more is read than a passage or two: what ts_headline takes grows with the square.
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
CROSS JOIN LATERAL websearch_to_tsquery(config, %(words)s) query
CROSS JOIN LATERAL left(
    CASE WHEN c.id IS NULL THEN concat_ws(' · ', n.title, NULLIF(n.author, ''), n.synopsis)
    ELSE t.content END,
    %(chars)s
) text
CROSS JOIN LATERAL novels_search_excerpt(config, text, query) passage
WHERE (n.is_public OR n.owner_id = %(reader)s) AND (found.chapter_id IS NULL OR c.id IS NOT NULL)
"""


class SearchTooSlow(Exception):
    """A statement of a search took longer than `MORPHEUS_SEARCH_TIMEOUT_S`."""


class SearchTooDeep(Exception):
    """The words have more than 32 operators in a row, which PostgreSQL cannot read."""


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


def newest_first(candidates: Iterable[Candidate]) -> list[Candidate]:
    """Return candidates by their documents, the newest first."""
    return sorted(candidates, key=lambda one: -one.id)


class Asked(NamedTuple):
    """What is searched for, as PostgreSQL understands the words: side by side.

    Attributes:
        queries: Each language's own.
        languages: Their primary keys; 0 is no language.
    """

    queries: list[str]
    languages: list[int]


class Changes(NamedTuple):
    """What became of the novels that changed since some moment.

    Attributes:
        moment: When this was so.
        whole: Novels of which any document may have changed.
        own: Novels of which only their own document may have.
        matches: All that is found in them now, of `own` only their own documents.
    """

    moment: str
    whole: Set[int]
    own: Set[int]
    matches: list[Candidate]


class Found(NamedTuple):
    """What a search found.

    Attributes:
        moment: When, as a snapshot of transactions.
        asked: What for; nothing where one's own was searched.
        horizon: All matches from this primary key on are known; 0: all that there are.
        known: They, the newest first.
    """

    moment: str
    asked: Asked
    horizon: int
    known: list[Candidate]

    @classmethod
    def of(cls, moment: str, asked: Asked, matches: Iterable[Candidate], *, at_most: int) -> Found:
        """Return what a search for the newest matches, `at_most` so many, found."""
        known = newest_first(matches)
        return cls(moment, asked, known[-1].id if len(known) == at_most else 0, known)

    @property
    def best_first(self) -> list[Candidate]:
        """What is shown: of the newest candidates the best first, equal ranks by the newest."""
        return sorted(self.known[:MAX_CANDIDATES], key=lambda one: (-one.score, -one.id))

    def revised(self, changes: Changes) -> Found | None:
        """Return what the same search finds after the changes; None if that is not known."""

        def stays(one: Candidate) -> bool:
            is_novels_own = one.chapter_id is None
            return one.novel_id not in changes.whole and not (
                is_novels_own and one.novel_id in changes.own
            )

        stayed = [one for one in self.known if stays(one)]
        entered = [one for one in changes.matches if one.id >= self.horizon]
        known = newest_first([*stayed, *entered])
        most = MAX_CANDIDATES + SPARE_CANDIDATES
        horizon = known[most - 1].id if len(known) > most else self.horizon
        if horizon and len(known) < MAX_CANDIDATES:
            return None
        return Found(changes.moment, self.asked, horizon, known[:most])


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

    def find(self) -> Found:
        """Search; run it as the reader."""
        most = MAX_CANDIDATES + SPARE_CANDIDATES
        parameters = {
            "words": self.words,
            "mine": self.reader_id is not None,
            "kind": self.kind,
            "genre": self.genre,
            "language": self.language,
            "limit": most,
        }
        # One's own is never brought up to date.
        asked = _rows(_ASKED, parameters) if self.reader_id is None else []
        rows = _rows(_CANDIDATES, parameters)
        return Found.of(
            rows[0][0],
            Asked([query for query, _ in asked], [language for _, language in asked]),
            [Candidate(*row[1:]) for row in rows if row[1] is not None],
            at_most=most,
        )

    def find_again(self, found: Found) -> Found | None:
        """Bring what was found in public novels up to date; None if it takes a new search."""
        (moment, own, whole, *_), *rows = _rows(
            _CHANGES,
            {
                "queries": found.asked.queries,
                "languages": found.asked.languages,
                "kind": self.kind,
                "genre": self.genre,
                "since": found.moment,
                "known": len(found.known),
                "horizon": found.horizon,
                "most": CHANGED_PER_KNOWN * len(found.known),
                "limit": MAX_CANDIDATES + SPARE_CANDIDATES,
            },
        )
        # A search ranks no more, and finds the newest of them.
        if own is None or len(rows) == MAX_CANDIDATES + SPARE_CANDIDATES:
            return None
        matches = [Candidate(*row[3:]) for row in rows]
        return found.revised(Changes(moment, frozenset(whole), frozenset(own), matches))

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
    connection = connections[reading_alias()]
    try:
        with statement_timeout(connection, settings.MORPHEUS_SEARCH_TIMEOUT_S):
            with connection.cursor() as cursor:
                cursor.execute(sql, parameters)
                return cursor.fetchall()
    except OperationalError as error:
        if is_canceled(error):
            raise SearchTooSlow from error
        raise
    except InternalError as error:
        # PostgreSQL has no error code for it.
        if "tsquery stack too small" in str(error):
            raise SearchTooDeep from error
        raise


def _digest(*parts: Any) -> str:
    return sha256(repr(parts).encode()).hexdigest()[:32]


def _marked(headline: str) -> str:
    """Return HTML: nothing of the text is mark-up, but what was found is in `mark` elements."""
    text = headline.replace(_LESS_THAN, "<").replace(_BREAK, "")
    escaped = html.escape(" ".join(text.split()))
    return escaped.replace(_START, "<mark>").replace(_STOP, "</mark>")
