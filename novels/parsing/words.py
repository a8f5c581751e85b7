"""Count words: what a file has, and what of it is kept, are counted in the same way."""

from __future__ import annotations


def count_words(text: str) -> int:
    """Return the number of words, counted between white space."""
    return len(text.split())
