"""Invented English prose whose words follow Zipf's law: a few everywhere, many almost nowhere.

Sentences come from a pool, because making each anew would take ten times as long. What makes a
novel itself (its people and places, words that hardly any other has) is in the sentence that opens
each chapter, so that search has rare words too.
"""

from __future__ import annotations

from array import array
from collections.abc import Callable
from functools import lru_cache

from .chance import Draw, Skewed, draws, lognormal, pick
from .lexicon import GIVEN_NAMES, LINKS, MANNERS, PLACES, adjectives, nouns, verbs

POOL_SENTENCES = 20_000
# Within a word class; the classes together come near to 1.
ZIPF = 1.5

ARTICLES = [*["the"] * 8, *["a"] * 4, "his", "his", "her", "her", "their", "every", "no", "that"]

OPENINGS = [
    "{hero} came to {place} when {given} had already left, and nobody spoke of the {noun}.",
    "It was in {place} that {hero} first heard of the {noun}.",
    "“Who has seen the {noun}?” asked {hero}, and all {place} was silent.",
    "Of the road to {place} {hero} remembered little but the {noun}.",
    "{given} waited in {place}; {hero} had promised to bring the {noun}.",
    "No one in {place} would have taken {hero} for the owner of a {noun}.",
    "When {hero} returned from {place}, the {noun} was gone.",
    "That night {hero} wrote a long letter to {given} about the {noun} of {place}.",
]


class Prose:
    """The pool of sentences of one seed, and chapters made of it."""

    def __init__(self, seed: int) -> None:
        write = _Writer(draws(seed, "prose")).sentence
        self.sentences = [write() for _ in range(POOL_SENTENCES)]
        self.lengths = array("H", (len(sentence.split()) for sentence in self.sentences))
        self.mean_words = sum(self.lengths) / POOL_SENTENCES

    def indexes(self, draw: Draw, words: float) -> list[int]:
        """Draw sentences of about `words` words altogether, at least one."""
        amount = words / self.mean_words * lognormal(draw, 0.35)
        return [int(draw() * POOL_SENTENCES) for _ in range(max(1, round(amount)))]

    def words(self, indexes: list[int]) -> int:
        lengths = self.lengths
        return sum([lengths[index] for index in indexes])

    def text(self, opening: str, indexes: list[int]) -> str:
        """Return opening and sentences as paragraphs, an empty line between them."""
        sentences = self.sentences
        lines = [opening, *[sentences[index] for index in indexes]]
        step = 3 + indexes[0] % 5
        return "\n\n".join(
            [" ".join(lines[start : start + step]) for start in range(0, len(lines), step)]
        )

    def few(self, draw: Draw, count: int) -> str:
        """Return `count` sentences in a row."""
        return " ".join([pick(draw, self.sentences) for _ in range(count)])


@lru_cache(maxsize=4)
def prose(seed: int) -> Prose:
    """Return the prose of a seed; the pool takes a second to make and a few megabytes to keep."""
    return Prose(seed)


def opening(draw: Draw, *, hero: str, place: str, thing: str) -> str:
    """Return the first sentence of a chapter, made of words that few other chapters have."""
    return pick(draw, OPENINGS).format(
        hero=hero, place=place, given=pick(draw, GIVEN_NAMES), noun=thing
    )


class _Writer:
    """Makes sentences; each word class is drawn by rank, so that few words do most of the work."""

    def __init__(self, draw: Draw) -> None:
        self._draw = draw
        self._nouns, self._noun = nouns(), Skewed(len(nouns()), ZIPF, shift=5)
        self._adjectives = adjectives()
        self._adjective = Skewed(len(self._adjectives), ZIPF, shift=5)
        self._verbs, self._verb = verbs(), Skewed(len(verbs()), ZIPF, shift=5)
        self._shapes: list[Callable[[], str]] = [
            self._plain,
            self._plain,
            self._joined,
            self._joined,
            self._said,
            self._asked,
            self._was,
        ]

    def sentence(self) -> str:
        made = pick(self._draw, self._shapes)()
        # The first letter may stand behind a quotation mark.
        start = 1 if made[0] == "“" else 0
        return made[:start] + made[start].upper() + made[start + 1 :]

    def _noun_phrase(self) -> str:
        draw = self._draw
        if draw() < 0.18:
            return pick(draw, GIVEN_NAMES)
        article = pick(draw, ARTICLES)
        noun = self._nouns[self._noun.rank(draw)]
        if draw() < 0.45:
            adjective = self._adjectives[self._adjective.rank(draw)]
            return f"{_article(article, adjective)} {adjective} {noun}"
        return f"{_article(article, noun)} {noun}"

    def _clause(self) -> str:
        draw = self._draw
        parts = [self._noun_phrase(), self._verbs[self._verb.rank(draw)], self._noun_phrase()]
        if draw() < 0.35:
            parts.append(pick(draw, PLACES).replace("-", " "))
        if draw() < 0.25:
            parts.insert(1, pick(draw, MANNERS).replace("-", " "))
        return " ".join(parts)

    def _plain(self) -> str:
        return f"{self._clause()}."

    def _joined(self) -> str:
        return f"{self._clause()}, {pick(self._draw, LINKS)} {self._clause()}."

    def _said(self) -> str:
        said = pick(self._draw, ("said", "cried", "whispered", "answered"))
        return f"“{self._clause()},” {said} {self._noun_phrase()}."

    def _asked(self) -> str:
        return f"“Why did {self._noun_phrase()} fear {self._noun_phrase()}?” asked {self._given()}."

    def _was(self) -> str:
        adjective = self._adjectives[self._adjective.rank(self._draw)]
        return f"{self._noun_phrase()} was {adjective}, and {self._clause()}."

    def _given(self) -> str:
        return pick(self._draw, GIVEN_NAMES)


def _article(article: str, word: str) -> str:
    return "an" if article == "a" and word[0] in "aeiou" else article
