"""What a search matched, and how later changes refresh it; nothing here reads the database."""

from __future__ import annotations

from collections.abc import Iterable, Set
from typing import NamedTuple

# Ranking reads the whole vector of each match, so only the newest matches are ranked.
MAX_CANDIDATES = 1000

# A cached search keeps this many more, which take the place of matches that disappear.
SPARE_CANDIDATES = 100


class Candidate(NamedTuple):
    """A document that matches; without a chapter it is the novel's own.

    Attributes:
        id: Primary key of the search document.
        score: Rank in millionths: a cursor cannot hold a float exactly.
    """

    id: int
    score: int
    novel_id: int
    chapter_id: int | None


def sort_newest_first(candidates: Iterable[Candidate]) -> list[Candidate]:
    """Return candidates by their documents, the newest first."""
    return sorted(candidates, key=lambda candidate: -candidate.id)


class LanguageQueries(NamedTuple):
    """The words as PostgreSQL parses them: one query for each language, in parallel lists.

    Attributes:
        queries: Text forms of a tsquery.
        languages: Primary keys of languages; 0 is no language.
    """

    queries: list[str]
    languages: list[int]


class Changes(NamedTuple):
    """The novels that changed since a snapshot, and their matches now.

    Attributes:
        snapshot: The snapshot of transactions at which this was read.
        whole: Novels of which any document may have changed.
        own: Novels of which only their own document may have changed.
        matches: All matches in these novels; of `own`, only their own documents.
    """

    snapshot: str
    whole: Set[int]
    own: Set[int]
    matches: list[Candidate]


class Matches(NamedTuple):
    """The matches of a search at a snapshot.

    Attributes:
        snapshot: A snapshot of transactions.
        queries: What a refresh searches for; empty for a search of the caller's own novels.
        horizon: All matches from this primary key on are in `candidates`; 0 if there are no others.
        candidates: The newest first.
    """

    snapshot: str
    queries: LanguageQueries
    horizon: int
    candidates: list[Candidate]

    @classmethod
    def of(
        cls,
        snapshot: str,
        queries: LanguageQueries,
        matches: Iterable[Candidate],
        *,
        at_most: int,
    ) -> Matches:
        """Return the result of a search that was limited to the `at_most` newest matches."""
        candidates = sort_newest_first(matches)
        horizon = candidates[-1].id if len(candidates) == at_most else 0
        return cls(snapshot, queries, horizon, candidates)

    def rank(self) -> list[Candidate]:
        """Return the newest candidates, best first; equal ranks by the newest document."""
        newest = self.candidates[:MAX_CANDIDATES]
        return sorted(newest, key=lambda candidate: (-candidate.score, -candidate.id))

    def refresh(self, changes: Changes) -> Matches | None:
        """Return the same search after the changes; None if too few matches are known for it."""

        def is_unchanged(candidate: Candidate) -> bool:
            is_novels_own = candidate.chapter_id is None
            return candidate.novel_id not in changes.whole and not (
                is_novels_own and candidate.novel_id in changes.own
            )

        unchanged = [candidate for candidate in self.candidates if is_unchanged(candidate)]
        entered = [candidate for candidate in changes.matches if candidate.id >= self.horizon]
        candidates = sort_newest_first([*unchanged, *entered])
        most = MAX_CANDIDATES + SPARE_CANDIDATES
        horizon = candidates[most - 1].id if len(candidates) > most else self.horizon
        if horizon and len(candidates) < MAX_CANDIDATES:
            return None
        return Matches(changes.snapshot, self.queries, horizon, candidates[:most])
