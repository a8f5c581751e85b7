"""Invented English prose whose words follow Zipf's law: few are frequent, many are rare.

Sentences come from a pool, because making each anew would take ten times as long, and a chapter is
so many of its sentences in a row, from anywhere: one piece of one long string. What makes a novel
itself (its people and places, words that hardly any other has) is in the sentence that opens each
chapter, so that search has rare words too.
"""

from __future__ import annotations

from collections.abc import Callable
from functools import lru_cache
from itertools import accumulate

from .chance import Draw, Skewed, draws, pick
from .lexicon import GIVEN_NAMES, LINKS, MANNERS, PLACES, adjectives, nouns, verbs
from .lines import escape, raw

POOL_SENTENCES = 20_000
# Exponent within a word class; all classes together come near to 1.
ZIPF = 1.5
# Share of sentences that end a paragraph.
PARAGRAPH_SHARE = 0.2

ARTICLES = [*["the"] * 8, *["a"] * 4, "his", "his", "her", "her", "their", "every", "no", "that"]

# A person, a place, another person, and a rare word.
OPENINGS = [
    "{0} came to {1} when {2} had already left, and nobody spoke of the {3}.",
    "It was in {1} that {0} first heard of the {3}.",
    "“Who has seen the {3}?” asked {0}, and all {1} was silent.",
    "Of the road to {1} {0} remembered little but the {3}.",
    "{2} waited in {1}; {0} had promised to bring the {3}.",
    "No one in {1} would have taken {0} for the owner of a {3}.",
    "When {0} returned from {1}, the {3} was gone.",
    "That night {0} wrote a long letter to {2} about the {3} of {1}.",
]
_OPENED_BY = [raw(opening).format for opening in OPENINGS]
# A person's name is two words.
OPENING_WORDS = [len(opened("a b", "c", "d", "e").split()) for opened in _OPENED_BY]
MEAN_OPENING_WORDS = sum(OPENING_WORDS) / len(OPENINGS)


class Prose:
    """The pool of sentences of one seed, and the chapters that they make.

    A chapter is an opening and the passage from sentence `first` to before sentence `end`. A
    passage may go over the pool's end to its beginning, so everything is here twice.
    """

    def __init__(self, seed: int) -> None:
        draw = draws(seed, "prose")
        write = _Writer(draw).sentence
        self.sentences = [write() for _ in range(POOL_SENTENCES)]
        self._text, self._starts, self._ends = self._join_sentences(draw)
        lengths = [len(sentence.split()) for sentence in self.sentences] * 2
        self.mean_words = sum(lengths) / len(lengths)
        self._before = list(accumulate(lengths, initial=0))
        kinds = len(OPENINGS)
        self._begun = [words - OPENING_WORDS[at % kinds] for at, words in enumerate(self._before)]

    def chapter_words(self, first: int, end: int) -> int:
        """Return how many words a chapter has."""
        return self._before[end] - self._begun[first]

    def chapter_text(self, first: int, end: int, hero: str, place: str, thing: str) -> str:
        """Return a chapter for a line of COPY, with an empty line between paragraphs.

        Its first sentence is made of words that few other chapters have.
        """
        given = GIVEN_NAMES[first % len(GIVEN_NAMES)]
        opening = _OPENED_BY[first % len(OPENINGS)](hero, place, given, thing)
        return f"{opening} {self._text[self._starts[first] : self._ends[end - 1]]}"

    def few(self, draw: Draw, count: int) -> str:
        """Return `count` sentences."""
        return " ".join([pick(draw, self.sentences) for _ in range(count)])

    def _join_sentences(self, draw: Draw) -> tuple[str, list[int], list[int]]:
        """Return the pool as one text, and where each sentence starts and ends."""
        breaks = [escape("\n\n") if draw() < PARAGRAPH_SHARE else " " for _ in self.sentences]
        pieces: list[str] = []
        starts, ends, at = [], [], 0
        sentences = [raw(sentence) for sentence in self.sentences]
        for sentence, gap in zip(sentences * 2, breaks * 2, strict=True):
            starts.append(at)
            ends.append(at + len(sentence))
            at += len(sentence) + len(gap)
            pieces += [sentence, gap]
        return "".join(pieces), starts, ends


@lru_cache(maxsize=4)
def prose(seed: int) -> Prose:
    """Return the prose of a seed; the pool takes a second to make and some 12 MB to keep."""
    return Prose(seed)


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
            self._two_clauses,
            self._two_clauses,
            self._speech,
            self._question,
            self._description,
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

    def _two_clauses(self) -> str:
        return f"{self._clause()}, {pick(self._draw, LINKS)} {self._clause()}."

    def _speech(self) -> str:
        verb = pick(self._draw, ("said", "cried", "whispered", "answered"))
        return f"“{self._clause()},” {verb} {self._noun_phrase()}."

    def _question(self) -> str:
        return f"“Why did {self._noun_phrase()} fear {self._noun_phrase()}?” asked {self._given()}."

    def _description(self) -> str:
        adjective = self._adjectives[self._adjective.rank(self._draw)]
        return f"{self._noun_phrase()} was {adjective}, and {self._clause()}."

    def _given(self) -> str:
        return pick(self._draw, GIVEN_NAMES)


def _article(article: str, word: str) -> str:
    return "an" if article == "a" and word[0] in "aeiou" else article
