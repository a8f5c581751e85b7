"""Seeded users and novels with their chapters and texts, as lines for COPY.

The tables are written one after the other and no line is kept: what one table must know of another
is drawn again, except a few bytes per novel.
"""

from __future__ import annotations

from array import array
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from hashlib import sha256

from django.contrib.auth.hashers import make_password

from .chance import (
    END,
    FIRST_NOVEL,
    FIRST_USER,
    VERSION,
    Skewed,
    apportion,
    changed_at,
    draws,
    lognormal,
    made_at,
    permute,
    pick,
    pool,
)
from .copying import BOOL, NULL, line
from .options import SeedOptions
from .prose import MEAN_OPENING_WORDS, POOL_SENTENCES, prose
from .words import get_heading, get_name, get_person, get_rare_name, get_title

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
# Each novel has one of so many mean lengths of chapters, and its chapters vary around it.
MEAN_LENGTHS = 64
LENGTHS_PER_MEAN = 1024
# Django takes a hash that starts with "!" for no password at all: the user cannot log in.
NO_PASSWORD = "!seeded"  # noqa: S105

# First sentence of a chapter's passage, and the one after its last.
Passage = tuple[int, int]


def user_lines(options: SeedOptions, user_ids: Sequence[int]) -> Iterator[str]:
    """Yield users_user; all have the same password, if any."""
    password = NO_PASSWORD
    if options.password is not None:
        # Once for all: a thousand PBKDF2 hashes would take minutes.
        salt = sha256(f"password/{options.seed}".encode()).hexdigest()[:32]
        password = make_password(options.password, salt)
    draw = draws(options.seed, "users")
    pick_sentences = prose(options.seed).pick_sentences
    for number, user_id in enumerate(user_ids):
        joined = made_at(draw, number, len(user_ids), FIRST_USER, FIRST_NOVEL)
        bio = pick_sentences(draw, 1 + int(draw() * 3)) if draw() < 0.3 else ""
        email = f"reader{user_id:06}@example.org"
        name = get_person(user_id)
        yield line(user_id, password, False, email, name, bio, False, True, joined)


@dataclass(frozen=True)
class References:
    """Ids in the database that novels refer to; the first genres and languages are frequent."""

    users: Sequence[int]
    genres: Sequence[int]
    languages: Sequence[int]


class Catalogue:
    """The lines of all tables of novels; the ids of novels and chapters begin with 1."""

    def __init__(self, options: SeedOptions, references: References) -> None:
        self.options = options
        self.references = references
        self.prose = prose(options.seed)
        self.title_offset = int(draws(options.seed, "titles")() * 100_000)
        self.owners, self.is_public = self._draw_owners_and_visibility()
        self.chapter_counts = self._draw_chapter_counts()
        self._lengths = self._draw_lengths()

    @property
    def chapters(self) -> int:
        return self.options.novels * self.options.chapters_per_novel

    def is_completed(self, place: int) -> bool:
        return place % 100 not in UNFINISHED

    def novel_lines(self) -> Iterator[str]:
        """Yield novels_novel."""
        options, references, count_words = self.options, self.references, self.prose.count_words
        draw = draws(options.seed, "cards", VERSION)
        genres = _with_unknown(references.genres, 0.8)
        languages = _with_unknown(references.languages, 2.2)
        synopses = [self.prose.pick_sentences(draw, 2) for _ in range(SYNOPSES)]
        authors = Skewed(options.novels // NOVELS_PER_AUTHOR + 1, 0.75)
        for place, passages in enumerate(self._passages()):
            novel_id = place + 1
            author = get_person(authors.rank(draw)) if draw() >= UNKNOWN_SHARE else ""
            words = sum([count_words(first, end) for first, end in passages])
            made = made_at(draw, place, options.novels, FIRST_NOVEL, END)
            yield (
                f"{novel_id}\t{get_title(self.title_offset + novel_id)}\t{author}\t"
                f"{pick(draw, synopses)} The story of {_hero(novel_id)}.\t"
                f"{pick(draw, genres)}\t{pick(draw, languages)}\t{BOOL[self.is_public[place]]}\t"
                f"{words}\t{len(passages)}\t{self.owners[place]}\t"
                f"{made}\t{changed_at(draw, made)}\n"
            )

    def status_lines(self) -> Iterator[str]:
        """Yield novels_processingstatus."""
        draw = draws(self.options.seed, "statuses", VERSION)
        states = [line(*UNFINISHED.get(place, COMPLETED)).rstrip("\n") for place in range(100)]
        for place in range(self.options.novels):
            at = made_at(draw, place, self.options.novels, FIRST_NOVEL, END)
            yield f"{place + 1}\t{states[place % 100]}\t{at}\t{self._access(place)}\n"

    def chapter_lines(self) -> Iterator[str]:
        """Yield novels_chapter."""
        count_words = self.prose.count_words
        for chapter_id, place, number, (first, end) in self._chapters():
            yield (
                f"{chapter_id}\t{place + 1}\t{number}\t{get_heading(chapter_id)}\t"
                f"{count_words(first, end)}\t{self._access(place)}\n"
            )

    def text_lines(self) -> Iterator[str]:
        """Yield novels_chaptertext."""
        chapter_text = self.prose.chapter_text
        for chapter_id, place, number, (first, end) in self._chapters():
            where = get_name((place + 1) * 11 + number % 5)
            text = chapter_text(first, end, _hero(place + 1), where, get_rare_name(chapter_id))
            yield f"{chapter_id}\t{text}\t{self._access(place)}\n"

    def _access(self, place: int) -> str:
        """Return the columns owner and visibility of a novel."""
        return f"{self.owners[place]}\t{BOOL[self.is_public[place]]}"

    def _draw_owners_and_visibility(self) -> tuple[array[int], bytearray]:
        users = self.references.users
        draw = draws(self.options.seed, "owners", VERSION)
        ranks = Skewed(len(users), 0.8)
        owners, is_public = array("l"), bytearray()
        for _ in range(self.options.novels):
            owners.append(users[permute(ranks.rank(draw), len(users))])
            is_public.append(draw() < PUBLIC_SHARE)
        return owners, is_public

    def _draw_chapter_counts(self) -> array[int]:
        draw = draws(self.options.seed, "sizes", VERSION)
        places = range(self.options.novels)
        return apportion(
            self.chapters,
            (lognormal(draw, 0.5) if self.is_completed(place) else 0.0 for place in places),
        )

    def _draw_lengths(self) -> list[list[int]]:
        """Return possible numbers of sentences of a chapter, a list for each mean length."""
        draw = draws(self.options.seed, "lengths")
        means = [self.options.words_per_chapter * lognormal(draw, 0.3) for _ in range(MEAN_LENGTHS)]
        return [
            [self._count_sentences(mean * lognormal(draw, 0.35)) for _ in range(LENGTHS_PER_MEAN)]
            for mean in means
        ]

    def _count_sentences(self, words: float) -> int:
        """Return the number of sentences after the opening for a chapter of so many words."""
        count = round((words - MEAN_OPENING_WORDS) / self.prose.mean_words)
        return min(max(count, 1), POOL_SENTENCES)

    def _passages(self) -> Iterator[list[Passage]]:
        """Yield the passages of each novel's chapters, the same every time."""
        draw = draws(self.options.seed, "passages", VERSION)
        for count in self.chapter_counts:
            lengths = pick(draw, self._lengths)
            starts = [int(draw() * POOL_SENTENCES) for _ in range(count)]
            yield [(first, first + pick(draw, lengths)) for first in starts]

    def _chapters(self) -> Iterator[tuple[int, int, int, Passage]]:
        """Yield each chapter's id, the place of its novel, its number there, and its passage."""
        chapter_id = 0
        for place, passages in enumerate(self._passages()):
            for number, passage in enumerate(passages, start=1):
                chapter_id += 1
                yield chapter_id, place, number, passage


def _hero(novel_id: int) -> str:
    return get_person(novel_id * 7)


def _with_unknown(ids: Sequence[int], exponent: float) -> list[str]:
    """Return ids to pick from, the first ones most often, and NULL for an unknown value."""
    if not ids:
        return [NULL]
    draw = draws("known", len(ids))
    picked = pool(ids, Skewed(len(ids), exponent), draw)
    return [str(pk) if draw() >= UNKNOWN_SHARE else NULL for pk in picked]
