"""What a search matched, and how later changes refresh it; nothing here reads the database."""

from __future__ import annotations

from collections.abc import Iterable, Set
from typing import NamedTuple, Self

# Ranking reads the whole vector of each match, so only the newest matches are ranked.
MAX_CANDIDATES = 1000

# A cached search keeps this many more, which take the place of matches that disappear.
SPARE_CANDIDATES = 100


class Candidate(NamedTuple):
    """A document that matches, with its primary key; without a chapter it is the novel's own."""

    id: int
    # Rank in millionths: a cursor cannot hold a float exactly.
    score: int
    novel_id: int
    chapter_id: int | None


def sort_newest_first(candidates: Iterable[Candidate]) -> list[Candidate]:
    """Return candidates by their documents, the newest first."""
    return sorted(candidates, key=lambda candidate: -candidate.id)


class Matches(NamedTuple):
    """The matches of a search at a snapshot of transactions."""

    snapshot: str
    # The words as PostgreSQL parses them, in the text form of a tsquery: one query for each
    # language. Empty for a search of the caller's own novels, which is never refreshed.
    queries: list[str]
    # The primary keys of the queries' languages; 0 is no language.
    languages: list[int]
    # All matches from this primary key on are in `candidates`; 0 if there are no others.
    horizon: int
    # The newest first.
    candidates: list[Candidate]

    @classmethod
    def of(
        cls,
        snapshot: str,
        queries: list[str],
        languages: list[int],
        matches: Iterable[Candidate],
        *,
        at_most: int,
    ) -> Self:
        """Return the result of a search that was limited to the `at_most` newest matches."""
        candidates = sort_newest_first(matches)
        horizon = candidates[-1].id if len(candidates) == at_most else 0
        return cls(snapshot, queries, languages, horizon, candidates)

    def rank(self) -> list[Candidate]:
        """Return the newest candidates, best first; equal ranks by the newest document."""
        newest = self.candidates[:MAX_CANDIDATES]
        return sorted(newest, key=lambda candidate: (-candidate.score, -candidate.id))

    def refresh(
        self, snapshot: str, *, whole: Set[int], own: Set[int], matches: Iterable[Candidate]
    ) -> Self | None:
        """Return the matches at a later snapshot; None if too few are known for it.

        Args:
            whole: Novels of which any document may have changed.
            own: Novels of which only their own document may have changed.
            matches: All matches now in these novels; of `own`, only their own documents.
        """
        unchanged = [
            candidate
            for candidate in self.candidates
            if candidate.novel_id not in whole
            and (candidate.chapter_id is not None or candidate.novel_id not in own)
        ]
        entered = [candidate for candidate in matches if candidate.id >= self.horizon]
        candidates = sort_newest_first([*unchanged, *entered])
        most = MAX_CANDIDATES + SPARE_CANDIDATES
        horizon = candidates[most - 1].id if len(candidates) > most else self.horizon
        if horizon and len(candidates) < MAX_CANDIDATES:
            return None
        return type(self)(snapshot, self.queries, self.languages, horizon, candidates[:most])
