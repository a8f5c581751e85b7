"""The words that begin chapters and parts; `languages.toml` has them by language."""

from __future__ import annotations

import unicodedata
from typing import Final

from novels.parsing.languages import LANGUAGES, WORDS

CONTAINER_KINDS: Final = frozenset({"act", "part", "book", "volume"})
_KINDS: Final = ("chapter", "letter", "canto", "night", "day", "section", *sorted(CONTAINER_KINDS))

# Each language's words: {kind: "words and abbreviations"}.
HEADING_WORDS: Final[dict[str, dict[str, str]]] = {
    code: {kind: words[kind] for kind in _KINDS if kind in words}
    for code, words in LANGUAGES.items()
    if "chapter" in words
}

# Chinese, Japanese and Korean put the number inside: 第三章, 제3장.
COUNTERS: Final = {
    "chapter": "章 回 話 话 囘 장 화 회",
    "night": "夜",
    "section": "节 節 場 场 절",
    "act": "幕 折 막",
    "part": "部分 部份 部 篇 編 编 부 편",
    "volume": "卷 巻 册 冊 集 권",
}

LAST_WORDS: Final = frozenset(WORDS["last"].split())


def fold(text: str) -> str:
    """Return a text without case and accents, as words of headings are compared."""
    if text.isascii():
        return text.lower()
    # Turkish capitals have no way back to the letter without a dot.
    parts = unicodedata.normalize("NFKD", text.replace("ı", "i"))
    bare = "".join(char for char in parts if not unicodedata.combining(char))
    return unicodedata.normalize("NFC", bare).casefold()


_SERIES_WORDS: Final = WORDS["series"].split()
_BY_KIND: Final = [item for words in HEADING_WORDS.values() for item in words.items()]
_SPELLED: Final = [(word, kind) for kind, words in _BY_KIND for word in words.split()]

# The kind of each folded word, of all languages together; of several kinds that of the first.
KINDS: Final = {
    **{fold(word): kind for word, kind in reversed(_SPELLED)},
    **{word: word for word in _SERIES_WORDS},
}
# With accents and without, so that most lines need no folding.
SPELLINGS: Final = frozenset({*KINDS, *(word.lower() for word, _ in _SPELLED)})
ENGLISH_WORDS: Final = frozenset(
    {*_SERIES_WORDS, *(word for words in HEADING_WORDS["en"].values() for word in words.split())}
)
