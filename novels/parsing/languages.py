"""Languages: their words, and their codes (ISO 639), named in a file or detected from its text."""

from __future__ import annotations

import re
import tomllib
from pathlib import Path
from typing import Any, Final

import langcodes

_FILE: Final = Path(__file__).with_name("languages.toml")
WORDS: Final[dict[str, Any]] = tomllib.loads(_FILE.read_text("utf-8"))
# The words of each language by its code.
LANGUAGES: Final[dict[str, dict[str, Any]]] = WORDS["language"]

# Those of Project Gutenberg. langcodes knows all names, but loads 25 MB in 0.6 s for them, in each
# child process that parses a file, and reads "gaelic" as Scottish.
_NAMES: Final = {
    name: code for code, words in LANGUAGES.items() for name in words.get("names", "").split()
}
# A tag is a word of three letters at most, with parts behind it: "en-GB".
_TAG: Final = re.compile(r"[a-z]{2,3}(?:-[a-z0-9]{1,8}){0,4}", re.IGNORECASE)
# Codes that langcodes keeps, for languages that other files give another code.
_SAME: Final = {"fil": "tl", "nb": "no", "nn": "no", "cmn": "zh"}
_UNDETERMINED: Final = frozenset({"und", "mul", "zxx", "mis"})
# Less text decides nothing; more does not decide better.
_FEWEST_LETTERS: Final = 300
_SAMPLE_CHARS: Final = 2_000
_SAMPLES: Final = 3
_LEAST_PROBABILITY: Final = 0.7


def language_code(text: str) -> str | None:
    """Return the code of the first language named: "English, French" and "en-GB" give "en".

    The shortest code of ISO 639: two letters if there are such, else three.
    """
    first = text.replace("_", "-").replace(",", " ").replace(";", " ").lower().split()[:1]
    word = first[0] if first else ""
    if word in _NAMES:
        return _NAMES[word]
    if not _TAG.fullmatch(word):
        return None
    language = langcodes.Language.get(word.split("-")[0])
    code = language.language if language.is_valid() else None
    return None if code in _UNDETERMINED else _SAME.get(code or "", code)


def detect_language(text: str) -> str | None:
    """Return the code of the language of a text, or None if that is not sure.

    Three samples of 2,000 characters from all over the text take 5 ms.
    """
    # In the process that parses, not in those that import this module: 20 MB.
    from gcld3 import NNetLanguageIdentifier

    step = max(len(text) // (_SAMPLES + 1), 1)
    starts = range(step, step * (_SAMPLES + 1), step)
    sample = " ".join(text[start : start + _SAMPLE_CHARS] for start in starts)
    if sum(map(str.isalpha, sample)) < _FEWEST_LETTERS:
        return None
    identifier = NNetLanguageIdentifier(min_num_bytes=0, max_num_bytes=4 * len(sample))
    result = identifier.FindLanguage(sample)
    is_sure = result.is_reliable and result.probability >= _LEAST_PROBABILITY
    return language_code(result.language) if is_sure and result.language else None
