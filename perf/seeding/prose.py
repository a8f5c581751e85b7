"""Generated English prose whose words follow Zipf's law: few are frequent, many are rare.

Generating each sentence anew would take ten times as long, so a chapter is a passage: consecutive
sentences of a pool, one slice of one long string. The sentence that opens a chapter names people
and places of its novel, and a name that few other chapters have, so that search has rare words.
"""

from __future__ import annotations

from collections.abc import Callable
from functools import lru_cache
from itertools import accumulate

from .chance import Draw, Skewed, draws, pick
from .copying import escape
from .words import (
    ADJECTIVES,
    GIVEN_NAMES,
    LINKS,
    MANNERS,
    NOUNS,
    PLACES,
    VERBS,
    get_name,
)

POOL_SENTENCES = 20_000
# Exponent within a word class; all classes together come near to 1.
ZIPF = 1.5
# Share of sentences that end a paragraph.
PARAGRAPH_SHARE = 0.2
# Names of places stand for rare nouns and adjectives.
RARE_NOUNS = 4000
RARE_ADJECTIVES = 2600

ARTICLES = [*["the"] * 8, *["a"] * 4, "his", "his", "her", "her", "their", "every", "no", "that"]

# A person, a place, another person, and a rare name.
OPENINGS = [
    "{0} came to {1} when {2} had already left, and they never spoke of {3}.",
    "It was in {1} that {0} first heard of {3}.",
    '"Where is {3}?" asked {0}, and all {1} was silent.',
    "On the road to {1}, {0} remembered little but {3}.",
    "{2} waited in {1}; {0} had promised to send for {3}.",
    "No one in {1} would have taken {0} for a friend of {3}.",
    "When {0} returned from {1}, {3} was gone.",
    "That night {0} wrote a long letter to {2} about {3} and {1}.",
]
# A person's name is two words.
OPENING_WORDS = [len(opening.format("a b", "c", "d", "e").split()) for opening in OPENINGS]
MEAN_OPENING_WORDS = sum(OPENING_WORDS) / len(OPENINGS)


class Prose:
    """The pool of sentences of one seed, and the chapters made of them.

    A chapter is an opening and the passage from sentence `first` to before sentence `end`. A
    passage may continue at the pool's beginning, so every sentence is stored twice.
    """

    def __init__(self, seed: int) -> None:
        draw = draws(seed, "prose")
        write = _Writer(draw).write_sentence
        self.sentences = [write() for _ in range(POOL_SENTENCES)]
        breaks = [escape("\n\n") if draw() < PARAGRAPH_SHARE else " " for _ in self.sentences]
        pieces = [*map("".join, zip(self.sentences, breaks, strict=True))] * 2
        self._text = "".join(pieces)
        self._starts = [*accumulate(map(len, pieces), initial=0)]
        words = [len(sentence.split()) for sentence in self.sentences] * 2
        self._words_before = [*accumulate(words, initial=0)]
        self.mean_words = sum(words) / len(words)

    def count_words(self, first: int, end: int) -> int:
        """Return the number of words of a chapter."""
        opening = OPENING_WORDS[first % len(OPENINGS)]
        return opening + self._words_before[end] - self._words_before[first]

    def chapter_text(self, first: int, end: int, hero: str, place: str, rare_name: str) -> str:
        """Return a chapter for a line of COPY, with an empty line between paragraphs."""
        friend = GIVEN_NAMES[first % len(GIVEN_NAMES)]
        opening = OPENINGS[first % len(OPENINGS)].format(hero, place, friend, rare_name)
        passage = self._text[self._starts[first] : self._starts[end]]
        return f"{opening} {passage.removesuffix(_PARAGRAPH).rstrip()}"

    def pick_sentences(self, draw: Draw, count: int) -> str:
        """Return `count` sentences."""
        return " ".join([pick(draw, self.sentences) for _ in range(count)])


_PARAGRAPH = escape("\n\n")


@lru_cache(maxsize=4)
def prose(seed: int) -> Prose:
    """Return the prose of a seed; the pool takes a second to generate, and some 12 MB."""
    return Prose(seed)


class _Writer:
    """Writes sentences; words of each class are drawn by rank, so that few are frequent."""

    def __init__(self, draw: Draw) -> None:
        self._draw = draw
        rare = [get_name(number) for number in range(RARE_NOUNS + RARE_ADJECTIVES)]
        self._nouns = NOUNS + rare[:RARE_NOUNS]
        self._adjectives = ADJECTIVES + rare[RARE_NOUNS:]
        self._noun = Skewed(len(self._nouns), ZIPF, shift=5)
        self._adjective = Skewed(len(self._adjectives), ZIPF, shift=5)
        self._verb = Skewed(len(VERBS), ZIPF, shift=5)
        self._shapes: list[Callable[[], str]] = [
            *(self._plain, self._plain, self._two_clauses, self._two_clauses),
            *(self._speech, self._question, self._description),
        ]

    def write_sentence(self) -> str:
        sentence = pick(self._draw, self._shapes)()
        # The first letter may follow a quotation mark.
        start = sentence.startswith('"')
        return sentence[:start] + sentence[start].upper() + sentence[start + 1 :]

    def _noun_phrase(self) -> str:
        draw = self._draw
        if draw() < 0.18:
            return pick(draw, GIVEN_NAMES)
        article = pick(draw, ARTICLES)
        noun = self._nouns[self._noun.rank(draw)]
        if noun[0].isupper():
            return noun
        adjective = self._adjectives[self._adjective.rank(draw)] if draw() < 0.45 else ""
        words = f"{adjective} {noun}".lstrip()
        is_vowel = words[0].lower() in "aeiou"
        return f"{'an' if article == 'a' and is_vowel else article} {words}"

    def _clause(self) -> str:
        draw = self._draw
        parts = [self._noun_phrase(), VERBS[self._verb.rank(draw)], self._noun_phrase()]
        if draw() < 0.35:
            parts.append(pick(draw, PLACES))
        if draw() < 0.25:
            parts.insert(1, pick(draw, MANNERS))
        return " ".join(parts)

    def _plain(self) -> str:
        return f"{self._clause()}."

    def _two_clauses(self) -> str:
        return f"{self._clause()}, {pick(self._draw, LINKS)} {self._clause()}."

    def _speech(self) -> str:
        verb = pick(self._draw, ("said", "cried", "whispered", "answered"))
        return f'"{self._clause()}," {verb} {self._noun_phrase()}.'

    def _question(self) -> str:
        asker = pick(self._draw, GIVEN_NAMES)
        return f'"Why did {self._noun_phrase()} fear {self._noun_phrase()}?" asked {asker}.'

    def _description(self) -> str:
        adjective = ADJECTIVES[self._adjective.rank(self._draw) % len(ADJECTIVES)]
        return f"{self._noun_phrase()} was {adjective}, and {self._clause()}."
