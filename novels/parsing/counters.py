"""Headings of Chinese, Japanese and Korean books: 第三章, 卷三, 제3장, 3화."""

import re
from typing import Final

from novels.parsing.heading_words import COUNTERS
from novels.parsing.numerals import CHINESE, parse_chinese

_KINDS: Final = {word: kind for kind, words in COUNTERS.items() for word in words.split()}
# The longest first: 部 is the beginning of 部分.
_COUNTER: Final = "(?:" + "|".join(sorted(_KINDS, key=len, reverse=True)) + ")"
_GAP: Final = r"[\s:：、.．・—–-]"
# Words may stand before (正文 第三章). A title without a space may follow this form only.
_AROUND: Final = re.compile(
    r"(?:[^第제]{1,12}\s)?\s*"
    rf"(?P<label>[第제]\s*(?P<number>\d{{1,4}}|{CHINESE})\s*(?P<counter>{_COUNTER}))"
    rf"(?P<gap>{_GAP}*)(?P<title>.*)"
)
_COUNTER_FIRST: Final = re.compile(
    rf"(?P<label>(?P<counter>[卷巻])[之の]?\s*(?P<number>\d{{1,4}}|{CHINESE}))"
    rf"(?P<gap>{_GAP}+|$)(?P<title>.*)"
)
_NUMBER_FIRST: Final = re.compile(
    rf"(?P<label>(?P<number>\d{{1,4}})\s*(?P<counter>[장화회부권편막]))(?P<gap>{_GAP}+|$)(?P<title>.*)"
)
_FORMS: Final = (_AROUND, _COUNTER_FIRST, _NUMBER_FIRST)
_SENTENCE: Final = re.compile(r"[。！？；，]")
_MOST_TITLE_CHARS: Final = 40


def parse_counter(text: str) -> tuple[str, int, str, str] | None:
    """Return kind, number, label (第三章) and title of a line of at most 200 characters."""
    if text.isascii():
        return None
    for form in _FORMS:
        match = form.fullmatch(text)
        if match is None:
            continue
        title, number = match["title"].strip(), match["number"]
        value = int(number) if number.isdecimal() else parse_chinese(number)
        is_text = title.endswith(("。", "，", "；")) or len(title) > _MOST_TITLE_CHARS
        is_glued = bool(title) and not match["gap"]
        if value is None or is_text or (is_glued and _SENTENCE.search(title)):
            return None
        return _KINDS[match["counter"]], value, match["label"], title
    return None
