"""Statements that differ only in their values are one shape, and a shape has a fingerprint."""

from __future__ import annotations

import re
from dataclasses import dataclass
from functools import lru_cache
from hashlib import blake2b

# Longer statements are cut; what makes them long are lists of values and columns.
MAX_CHARS = 10_000

# What must be told apart from left to right, because each may contain how another begins. What is
# cut off in the middle goes on to the end. Names stay, comments and values do not.
_PARTS = re.compile(
    r"""(?P<name>"(?:[^"]|"")*(?:"|\Z))"""
    r"""|(?P<comment>/\*.*?(?:\*/|\Z)|--[^\n]*)"""
    r"""|(?<![\w$])\$(?P<tag>(?:[A-Za-z_]\w*)?)\$.*?(?:\$(?P=tag)\$|\Z)"""
    r"""|\b[eE]'(?:[^'\\]|''|\\.)*(?:'|\Z)"""
    r"""|'(?:[^']|'')*(?:'|\Z)"""
    r"""|(?<![\w.$])[-+]?\d+(?:\.\d+)?(?:[eE][-+]?\d+)?\b""",
    re.DOTALL,
)
# In this order, each applied to what the ones before it left.
_RULES: list[tuple[re.Pattern[str], str]] = [
    (re.compile(r"%s|%\(\w+\)s|\$\d+"), "?"),
    (re.compile(r"%%"), "%"),
    (re.compile(r"\b(?:TRUE|FALSE|NULL)\b(?=\s*[,)])", re.IGNORECASE), "?"),
    (re.compile(r"(?<=\bON )TRUE\b", re.IGNORECASE), "?"),
    (re.compile(r"\?(?:::[\w\" ]+(?:\[\])?)+"), "?"),
    # Names that Django and psycopg number.
    (re.compile(r'"?\b(_django_curs|_pg3)_\w+"?'), r"\1"),
    (re.compile(r'"s\d+_x\d+"'), '"savepoint"'),
    (re.compile(r"\s+"), " "),
    (re.compile(r"\(\s*\?(?:\s*,\s*\?)*\s*\)"), "(?)"),
    (re.compile(r"\(\?\)(?:\s*,\s*\(\?\))+"), "(?)"),
    (re.compile(r"\bARRAY\[\?(?:, ?\?)*\]", re.IGNORECASE), "?"),
]
_IS_WRITE = re.compile(
    r"^\s*(?:INSERT|UPDATE|DELETE|MERGE|TRUNCATE)\b|^\s*COPY\b.*\bFROM\b"
    r"|^\s*WITH\b.*\b(?:INSERT INTO|UPDATE \S+ SET|DELETE FROM)\b",
    re.IGNORECASE | re.DOTALL,
)
_IS_READ = re.compile(r"^\s*(?:SELECT|WITH|TABLE|VALUES|COPY|DECLARE|FETCH)\b", re.IGNORECASE)
_IS_SEARCH = re.compile(
    r"@@|tsquery\(|\bnovels_search_(?:matches|changes)\b|\bts_headline\b", re.IGNORECASE
)
_IS_SETTING = re.compile(r"^\s*SELECT\s+(?:pg_catalog\.)?set_config\(", re.IGNORECASE)
_IS_JOIN = re.compile(r"\bJOIN\b", re.IGNORECASE)


@dataclass(frozen=True, slots=True)
class Shape:
    """What statements have in common that differ only in their values.

    Attributes:
        fingerprint: 16 hexadecimal digits. The same for what Django sent and for how
            pg_stat_statements shows it.
        text: The statement with `?` for each value, and for each list of values.
        kind: `simple`, `join`, `search`, `write`, or `control` for what reads and writes no rows.
    """

    fingerprint: str
    text: str
    kind: str


@lru_cache(maxsize=4096)
def shape_of(sql: str) -> Shape:
    """Return the shape of a statement."""
    text = without_values(sql[:MAX_CHARS])
    for pattern, replacement in _RULES:
        text = pattern.sub(replacement, text)
    text = text.strip().rstrip(";").rstrip()
    digest = blake2b(text.encode("utf-8", "replace"), digest_size=8).hexdigest()
    return Shape(digest, text, _kind(text))


def without_values(text: str) -> str:
    """Return a statement, or a condition of a plan, with `?` for each text and number in it."""
    return _PARTS.sub(_without_value, text)


def _without_value(part: re.Match[str]) -> str:
    return part["name"] or (" " if part["comment"] else "?")


def _kind(text: str) -> str:
    if _IS_WRITE.search(text):
        return "write"
    if not _IS_READ.search(text) or _IS_SETTING.search(text):
        return "control"
    if _IS_SEARCH.search(text):
        return "search"
    return "join" if _IS_JOIN.search(text) else "simple"
