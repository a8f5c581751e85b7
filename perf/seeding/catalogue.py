"""Seeded novels, their chapters and texts.

Each novel is made from its own source of chance, so that any can be made again on its own: the
tables are written one after the other, and none is kept in memory.
"""

from __future__ import annotations

from array import array
from collections.abc import Iterator, Sequence
from dataclasses import dataclass

from .chance import Skewed, apportion, draws, lognormal, permuted, pick
from .dates import END, OPENING_DAY, changed_at, made_at
from .lexicon import ADJECTIVES, NOUNS
from .naming import SHORT_NAMES, name, person, title
from .options import SeedOptions
from .prose import opening, prose
from .tables import Row

COMPLETED = ("completed", "", 100, "")
# Of a hundred novels, these places are not parsed to the end, and have no chapters.
UNFINISHED = {
    13: ("pending", "", 0, ""),
    37: ("processing", "reading", 21, ""),
    59: ("failed", "", 40, "The file is protected by DRM and cannot be read."),
    83: ("failed", "", 10, "The text's encoding could not be recognised."),
}
PUBLIC_SHARE = 0.85
UNKNOWN_SHARE = 0.02
NOVELS_PER_AUTHOR = 5


@dataclass(frozen=True)
class Ground:
    """What the novels stand on: ids that exist in the database.

    Attributes:
        users: Ids of the owners-to-be.
        genres: Ids, the most frequent first.
        languages: Ids, the most frequent first.
    """

    users: Sequence[int]
    genres: Sequence[int]
    languages: Sequence[int]


class Catalogue:
    """The rows of all tables of novels.

    Attributes:
        first_novel: Id of the first; the others follow without gaps.
        chapter_counts: One per novel.
    """

    def __init__(
        self, options: SeedOptions, ground: Ground, *, first_novel: int, first_chapter: int
    ) -> None:
        self.options = options
        self.ground = ground
        self.first_novel = first_novel
        self.first_chapter = first_chapter
        self.prose = prose(options.seed)
        self.title_offset = int(draws(options.seed, "titles")() * 100_000)
        self.owner_ranks = Skewed(len(ground.users), 0.8)
        self.author_ranks = Skewed(options.novels // NOVELS_PER_AUTHOR + 1, 0.75)
        self.genre_ranks = Skewed(len(ground.genres), 0.8)
        self.language_ranks = Skewed(len(ground.languages), 2.2)
        self.chapter_counts = self._chapter_counts()

    @property
    def chapters(self) -> int:
        return self.options.novels * self.options.chapters_per_novel

    def owner_and_visibility(self, number: int) -> tuple[int, bool]:
        """Return owner id and visibility of the novel in place `number`."""
        draw = draws(self.options.seed, "novel", self.first_novel + number)
        rank = permuted(self.owner_ranks.rank(draw), len(self.ground.users))
        return self.ground.users[rank], draw() < PUBLIC_SHARE

    def is_completed(self, number: int) -> bool:
        return number % 100 not in UNFINISHED

    def novel_rows(self) -> Iterator[Row]:
        """Yield novels_novel."""
        for number in range(self.options.novels):
            yield self._novel(number)

    def status_rows(self) -> Iterator[Row]:
        """Yield novels_processingstatus."""
        for number in range(self.options.novels):
            novel_id = self.first_novel + number
            draw = draws(self.options.seed, "status", novel_id)
            state = UNFINISHED.get(number % 100, COMPLETED)
            at = made_at(draw, number, self.options.novels, OPENING_DAY, END)
            yield novel_id, *state, at, *self.owner_and_visibility(number)

    def chapter_rows(self) -> Iterator[Row]:
        """Yield novels_chapter."""
        for place, chapter_id, number, heading, text, indexes, shown in self._chapters():
            words = len(text.split()) + self.prose.words(indexes)
            yield chapter_id, self.first_novel + place, number, heading, words, *shown

    def text_rows(self) -> Iterator[Row]:
        """Yield novels_chaptertext."""
        for _, chapter_id, _, _, text, indexes, shown in self._chapters():
            yield chapter_id, self.prose.text(text, indexes), *shown

    def _novel(self, number: int) -> Row:
        novel_id = self.first_novel + number
        owner, is_public = self.owner_and_visibility(number)
        draw = draws(self.options.seed, "card", novel_id)
        made = made_at(draw, number, self.options.novels, OPENING_DAY, END)
        return (
            novel_id,
            title(self.title_offset + novel_id),
            person(self.author_ranks.rank(draw)) if draw() >= UNKNOWN_SHARE else "",
            f"{self.prose.few(draw, 2)} The story of {self._hero(novel_id)}.",
            _known(self.ground.genres, self.genre_ranks.rank(draw), draw()),
            _known(self.ground.languages, self.language_ranks.rank(draw), draw()),
            is_public,
            self._words(number),
            self.chapter_counts[number],
            owner,
            made,
            changed_at(draw, made),
        )

    def _hero(self, novel_id: int) -> str:
        return person(novel_id * 7)

    def _chapter_counts(self) -> array[int]:
        draw = draws(self.options.seed, "sizes", self.first_novel)
        weights = (
            lognormal(draw, 0.5) if self.is_completed(number) else 0.0
            for number in range(self.options.novels)
        )
        return apportion(self.chapters, weights)

    def _words(self, number: int) -> int:
        return sum(
            [
                len(text.split()) + self.prose.words(indexes)
                for _, text, indexes in self._chapters_of(number, 0)
            ]
        )

    def _chapters(self) -> Iterator[tuple[int, int, int, str, str, list[int], tuple[int, bool]]]:
        """Yield the novel's place, id, number, heading, opening, sentences; owner, visibility."""
        chapter_id = self.first_chapter
        for place in range(self.options.novels):
            shown = self.owner_and_visibility(place)
            made = self._chapters_of(place, chapter_id)
            for number, (heading, text, indexes) in enumerate(made, start=1):
                yield place, chapter_id, number, heading, text, indexes, shown
                chapter_id += 1

    def _chapters_of(self, place: int, chapter_id: int) -> Iterator[tuple[str, str, list[int]]]:
        novel_id = self.first_novel + place
        draw = draws(self.options.seed, "chapters", novel_id)
        hero = self._hero(novel_id)
        length = self.options.words_per_chapter * lognormal(draw, 0.3)
        for number in range(self.chapter_counts[place]):
            heading = f"The {pick(draw, ADJECTIVES).capitalize()} {pick(draw, NOUNS).capitalize()}"
            text = opening(
                draw,
                hero=hero,
                place=name(novel_id * 11 + int(draw() * 5)),
                # Long names, one per chapter: words that are nowhere else.
                thing=name(SHORT_NAMES + chapter_id + number).lower(),
            )
            yield heading, text, self.prose.indexes(draw, length - len(text.split()))


def _known(ids: Sequence[int], rank: int, chance: float) -> int | None:
    """Return the id of that rank; sometimes nobody knows."""
    return ids[rank] if ids and chance >= UNKNOWN_SHARE else None
