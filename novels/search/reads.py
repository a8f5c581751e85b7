"""Cached reads of searches."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from morpheus.api.reads import Row
from morpheus.cache.cached_reads import read, read_many, read_stale
from novels.cache_policies import SEARCH, SNIPPET
from novels.reads import contents_tags, novel_cards, novel_tags
from novels.search.matches import MAX_CANDIDATES, Candidate, Matches, sort_newest_first
from novels.search.query import Search


def search_candidates(search: Search) -> list[Candidate]:
    """Return the matches of a search, best first.

    Tag: `search`, or `search:<reader>` for a search of the reader's own novels. A stale search of
    public novels is refreshed by what changed since.
    """
    reader_id = search.reader_id

    def load() -> list[Any]:
        stale = read_stale(SEARCH, search.digest) if reader_id is None else None
        matches = search.refresh(_unpack(stale)) if stale is not None else None
        return _pack(matches or search.match())

    ranked, _ = read(
        SEARCH,
        search.digest,
        tags=["search" if reader_id is None else f"search:{reader_id}"],
        load=load,
        reader_id=reader_id,
    )
    return [Candidate(*row) for row in ranked]


def _pack(matches: Matches) -> list[Any]:
    """Return the ranked candidates, and what else a refresh needs."""
    ranked, spare = matches.rank(), matches.candidates[MAX_CANDIDATES:]
    return [
        [*map(list, ranked)],
        [
            matches.snapshot,
            [matches.queries, matches.languages],
            matches.horizon,
            [*map(list, spare)],
        ],
    ]


def _unpack(value: list[Any]) -> Matches:
    ranked, (snapshot, (queries, languages), horizon, spare) = value
    candidates = (Candidate(*row) for row in (*ranked, *spare))
    return Matches(snapshot, queries, languages, horizon, sort_newest_first(candidates))


def search_results(search: Search, page: Sequence[Candidate]) -> list[Row]:
    """Return candidates as the API shows them, in their order, without invisible ones.

    Tags: `novel:<id>`, `chapters:<novel>`. The titles of novels are those of their cards.
    """
    cards = novel_cards({candidate.novel_id for candidate in page}, search.reader_id)
    snippets = _snippets(search, [candidate for candidate in page if candidate.novel_id in cards])
    return [
        _render(candidate, cards[candidate.novel_id]["title"], snippet)
        for candidate in page
        if (snippet := snippets.get(candidate.id)) is not None
    ]


def _render(candidate: Candidate, novel_title: str, snippet: Row) -> Row:
    """Return a result, with the fields of `SearchResultSerializer`."""
    is_novel = candidate.chapter_id is None
    return {
        "kind": "novel" if is_novel else "chapter",
        "novel": candidate.novel_id,
        "novel_title": novel_title,
        "chapter": snippet["chapter"],
        "title": novel_title if is_novel else snippet["title"],
        "snippet": snippet["snippet"],
        "rank": candidate.score / 1_000_000,
    }


def _snippets(search: Search, page: Sequence[Candidate]) -> dict[int, Row | None]:
    by_key = {f"{candidate.id}:{search.words_digest}": candidate for candidate in page}

    def load(missing: list[str]) -> dict[str, Row]:
        snippets = search.snippets([by_key[key] for key in missing])
        return {key: snippets[by_key[key].id] for key in missing if by_key[key].id in snippets}

    cached = read_many(
        SNIPPET,
        by_key,
        tags=lambda key: _snippet_tags(by_key[key]),
        load=load,
        reader_id=search.reader_id,
    )
    return {by_key[key].id: snippet for key, snippet in cached.items()}


def _snippet_tags(candidate: Candidate) -> list[str]:
    """Return the tags of a snippet: of a novel's own text, or of a chapter's."""
    if candidate.chapter_id is None:
        return novel_tags(candidate.novel_id)
    return contents_tags(candidate.novel_id)
