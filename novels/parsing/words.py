"""Count words, in the same way before and after a parse."""

from __future__ import annotations


def count_words(text: str) -> int:
    """Return the number of words, counted between white space."""
    return len(text.split())
