"""Seeded novels, their chapters and texts, as lines for COPY.

The tables are written one after the other and no line is kept: what one table must know of another
is drawn again, but for a few bytes per novel.
"""

from __future__ import annotations

from array import array
from collections.abc import Iterator, Sequence
from dataclasses import dataclass

from .chance import Skewed, apportion, draws, lognormal, permute, pick, pool
from .dates import END, OPENING_DAY, changed_at, made_at, stamp
from .lines import BOOL, NULL, line, raw
from .naming import heading, name, person, rare_word, title
from .options import SeedOptions
from .prose import MEAN_OPENING_WORDS, POOL_SENTENCES, prose

COMPLETED = ("completed", "", 100, "")
# In each hundred novels, these are not parsed to the end and have no chapters.
UNFINISHED = {
    13: ("pending", "", 0, ""),
    37: ("processing", "reading", 21, ""),
    59: ("failed", "", 40, "The file is protected by DRM and cannot be read."),
    83: ("failed", "", 10, "The text's encoding could not be recognised."),
}
PUBLIC_SHARE = 0.85
UNKNOWN_SHARE = 0.02
SYNOPSES = 10_000
NOVELS_PER_AUTHOR = 5
# Novels have chapters of one of so many lengths on average, and each these lengths around it.
LENGTHS = 64
LENGTHS_AROUND = 1024

# First sentence of a chapter's passage, and the one after its last.
Passage = tuple[int, int]


@dataclass(frozen=True)
class Ground:
    """Ids in the database that novels refer to.

    Attributes:
        users: Ids of the owners-to-be.
        genres: Ids, the most frequent first.
        languages: Ids, the most frequent first.
    """

    users: Sequence[int]
    genres: Sequence[int]
    languages: Sequence[int]


class Catalogue:
    """The lines of all tables of novels.

    Attributes:
        first_novel: Id of the first; the others follow without gaps.
        owners: Ids, one per novel.
        is_public: One per novel.
        chapter_counts: One per novel.
        lengths: Numbers of sentences that chapters may have, a list for each mean.
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
        self.owners, self.is_public = self._owners_and_visibility()
        self.chapter_counts = self._chapter_counts()
        self.lengths = self._lengths()

    @property
    def chapters(self) -> int:
        return self.options.novels * self.options.chapters_per_novel

    def is_completed(self, place: int) -> bool:
        return place % 100 not in UNFINISHED

    def shown(self, place: int) -> str:
        """Return the columns owner and visibility of that novel."""
        return f"{self.owners[place]}\t{BOOL[self.is_public[place]]}"

    def novel_lines(self) -> Iterator[str]:
        """Yield novels_novel."""
        options, ground, written = self.options, self.ground, self.prose
        draw = draws(options.seed, "cards", self.first_novel)
        genres = _known(ground.genres, 0.8)
        languages = _known(ground.languages, 2.2)
        synopses = [raw(written.few(draw, 2)) for _ in range(SYNOPSES)]
        authors = Skewed(options.novels // NOVELS_PER_AUTHOR + 1, 0.75)
        chapter_words = written.chapter_words
        for place, passages in enumerate(self._passages()):
            novel_id = self.first_novel + place
            author = person(authors.rank(draw)) if draw() >= UNKNOWN_SHARE else ""
            words = sum([chapter_words(first, end) for first, end in passages])
            made = made_at(draw, place, options.novels, OPENING_DAY, END)
            yield (
                f"{novel_id}\t{title(self.title_offset + novel_id)}\t{author}\t"
                f"{pick(draw, synopses)} The story of {_hero(novel_id)}.\t"
                f"{pick(draw, genres)}\t{pick(draw, languages)}\t{BOOL[self.is_public[place]]}\t"
                f"{words}\t{len(passages)}\t{self.owners[place]}\t"
                f"{stamp(made)}\t{stamp(changed_at(draw, made))}\n"
            )

    def status_lines(self) -> Iterator[str]:
        """Yield novels_processingstatus."""
        draw = draws(self.options.seed, "statuses", self.first_novel)
        states = [line(*UNFINISHED.get(place, COMPLETED)).rstrip("\n") for place in range(100)]
        for place in range(self.options.novels):
            at = stamp(made_at(draw, place, self.options.novels, OPENING_DAY, END))
            yield f"{self.first_novel + place}\t{states[place % 100]}\t{at}\t{self.shown(place)}\n"

    def chapter_lines(self) -> Iterator[str]:
        """Yield novels_chapter."""
        chapter_id, chapter_words = self.first_chapter, self.prose.chapter_words
        for place, passages in enumerate(self._passages()):
            novel_id, shown = self.first_novel + place, self.shown(place)
            for number, (first, end) in enumerate(passages, start=1):
                yield (
                    f"{chapter_id}\t{novel_id}\t{number}\t{heading(chapter_id)}\t"
                    f"{chapter_words(first, end)}\t{shown}\n"
                )
                chapter_id += 1

    def text_lines(self) -> Iterator[str]:
        """Yield novels_chaptertext."""
        chapter_id, chapter_text = self.first_chapter, self.prose.chapter_text
        for place, passages in enumerate(self._passages()):
            novel_id, shown = self.first_novel + place, self.shown(place)
            hero = _hero(novel_id)
            for number, (first, end) in enumerate(passages):
                where, thing = name(novel_id * 11 + number % 5), rare_word(chapter_id)
                text = chapter_text(first, end, hero, where, thing)
                yield f"{chapter_id}\t{text}\t{shown}\n"
                chapter_id += 1

    def _owners_and_visibility(self) -> tuple[array[int], bytearray]:
        users = self.ground.users
        draw = draws(self.options.seed, "owners", self.first_novel)
        ranks = Skewed(len(users), 0.8)
        owners, is_public = array("l"), bytearray()
        for _ in range(self.options.novels):
            owners.append(users[permute(ranks.rank(draw), len(users))])
            is_public.append(draw() < PUBLIC_SHARE)
        return owners, is_public

    def _chapter_counts(self) -> array[int]:
        draw = draws(self.options.seed, "sizes", self.first_novel)
        weights = (
            lognormal(draw, 0.5) if self.is_completed(place) else 0.0
            for place in range(self.options.novels)
        )
        return apportion(self.chapters, weights)

    def _passages(self) -> Iterator[list[Passage]]:
        """Yield the passages of each novel's chapters, the same every time."""
        draw = draws(self.options.seed, "passages", self.first_novel)
        lengths = self.lengths
        for count in self.chapter_counts:
            sentences = lengths[int(draw() * LENGTHS)]
            yield [
                (
                    (first := int(draw() * POOL_SENTENCES)),
                    first + sentences[int(draw() * LENGTHS_AROUND)],
                )
                for _ in range(count)
            ]

    def _lengths(self) -> list[list[int]]:
        """Return the numbers of sentences that chapters may have, a list for each mean."""
        draw = draws(self.options.seed, "lengths")
        mean = self.options.words_per_chapter
        return [
            [self._sentences(words * lognormal(draw, 0.35)) for _ in range(LENGTHS_AROUND)]
            for words in [mean * lognormal(draw, 0.3) for _ in range(LENGTHS)]
        ]

    def _sentences(self, words: float) -> int:
        """Return how many sentences, at least one, make so many words after an opening."""
        count = round((words - MEAN_OPENING_WORDS) / self.prose.mean_words)
        return min(max(count, 1), POOL_SENTENCES)


def _hero(novel_id: int) -> str:
    return person(novel_id * 7)


def _known(ids: Sequence[int], exponent: float) -> list[str]:
    """Return ids to pick from, the first the most often, and NULL for an unknown value."""
    if not ids:
        return [NULL]
    draw = draws("known", len(ids))
    picked = pool(ids, Skewed(len(ids), exponent), draw)
    return [str(pk) if draw() >= UNKNOWN_SHARE else NULL for pk in picked]
