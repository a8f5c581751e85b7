"""Count words, in the same way before and after a parse."""

from __future__ import annotations

import re
from typing import Final

# Han characters, kana and bopomofo, without punctuation; Korean has spaces.
_CJK: Final = (
    "\u3005-\u3007\u3041-\u3096\u309d-\u309f\u30a1-\u30fa\u30fc-\u30ff\u3105-\u312f"
    "\u3400-\u4dbf\u4e00-\u9fff\uf900-\ufaff\uff66-\uff9f\U00020000-\U0003ffff"
)
_IS_CJK: Final = re.compile(f"[{_CJK}]")
# Between them other words may stand: 他用iPhone打电话.
_WORD: Final = re.compile(rf"[{_CJK}]|[^\W{_CJK}][^\s{_CJK}]*")


def count_words(text: str) -> int:
    """Return the number of words as word processors count them.

    Each Chinese or Japanese character is a word; else words stand between white space, also in
    Korean, and in Thai, Lao, Khmer and Burmese, where these are phrases.
    """
    if text.isascii() or not _IS_CJK.search(text):
        return len(text.split())
    return sum(1 for _ in _WORD.finditer(text))
