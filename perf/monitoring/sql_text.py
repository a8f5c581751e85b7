"""SQL as text: normalized statements with their fingerprints, masked values, readable layout.

This is the only module that classifies SQL. The monitor, the dashboard and the lab use it.
"""

from __future__ import annotations

import re
from dataclasses import dataclass
from functools import lru_cache
from hashlib import blake2b

from morpheus.tracing.request_trace import COMMIT, Statement

# The rest of a longer statement is cut off: lists of values and columns make statements long.
MAX_CHARS = 10_000

READ_KINDS = frozenset({"simple", "join", "search"})

# One pattern finds names, comments and literals from left to right, because each may contain the
# beginning of another. A part that is cut off reaches to the end. Names stay; the rest goes.
_PARTS = re.compile(
    r"""(?P<name>"(?:[^"]|"")*(?:"|\Z))"""
    r"""|(?P<comment>/\*.*?(?:\*/|\Z)|--[^\n]*)"""
    r"""|(?<![\w$])\$(?P<tag>(?:[A-Za-z_]\w*)?)\$.*?(?:\$(?P=tag)\$|\Z)"""
    r"""|\b[eE]'(?:[^'\\]|''|\\.)*(?:'|\Z)"""
    r"""|'(?:[^']|'')*(?:'|\Z)"""
    r"""|(?<![\w.$])[-+]?\d+(?:\.\d+)?(?:[eE][-+]?\d+)?\b""",
    re.DOTALL,
)
# Each rule applies to the result of the rules before it.
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
_SETS_CONFIG = re.compile(r"^\s*SELECT\s+(?:pg_catalog\.)?set_config\(", re.IGNORECASE)
_IS_JOIN = re.compile(r"\bJOIN\b", re.IGNORECASE)
_LOCKS_ROWS = re.compile(r"\bFOR (?:NO KEY )?UPDATE\b|\bFOR (?:KEY )?SHARE\b", re.IGNORECASE)

# PostgreSQL makes plans for these alone.
_HAS_PLAN = re.compile(
    r"[\s(]*(?:SELECT|WITH|VALUES|TABLE|INSERT|UPDATE|DELETE|MERGE)\b", re.IGNORECASE
)
# psycopg's placeholders, and its spelling of a percent sign.
_PLACEHOLDER = re.compile(r"%(?:%|[sbt]|\((\w+)\)[sbt])")

# Each of these clauses begins a line.
_CLAUSES = (
    "FROM|INNER JOIN|LEFT OUTER JOIN|LEFT JOIN|CROSS JOIN|WHERE|GROUP BY|ORDER BY|LIMIT|SET"
    "|VALUES|RETURNING|FOR"
)
_LINES = re.compile(rf" (?=(?:{_CLAUSES})\b)")
_LISTS = re.compile(r"IN \(%s(?:, %s)+\)")


@dataclass(frozen=True, slots=True)
class NormalizedStatement:
    """The common part of statements that differ only in their values.

    Attributes:
        fingerprint: 16 hexadecimal digits. The same for the text that Django sends and for the
            text in pg_stat_statements.
        text: The statement with `?` for each value and for each list of values.
        kind: `simple`, `join`, `search`, `write`, `control` (transactions, settings), or `commit`
            for the commit that `normalize` finds in a trace.
    """

    fingerprint: str
    text: str
    kind: str

    @property
    def is_read(self) -> bool:
        return self.kind in READ_KINDS

    @property
    def locks_rows(self) -> bool:
        """Whether it is a SELECT … FOR UPDATE or FOR SHARE."""
        return self.is_read and bool(_LOCKS_ROWS.search(self.text))


NORMALIZED_COMMIT = NormalizedStatement("commit".ljust(16, "0"), COMMIT, "commit")


def normalize(statement: Statement) -> NormalizedStatement:
    """Normalize a traced statement, COMMIT included."""
    return NORMALIZED_COMMIT if statement.sql == COMMIT else normalize_statement(statement.sql)


@lru_cache(maxsize=4096)
def normalize_statement(sql: str) -> NormalizedStatement:
    """Normalize a statement, as sent by Django or as shown by pg_stat_statements."""
    text = mask_values(sql[:MAX_CHARS])
    for pattern, replacement in _RULES:
        text = pattern.sub(replacement, text)
    text = text.strip().rstrip(";").rstrip()
    digest = blake2b(text.encode("utf-8", "replace"), digest_size=8).hexdigest()
    return NormalizedStatement(digest, text, _kind(text))


def mask_values(text: str) -> str:
    """Replace each string and number in a statement, or in a condition of a plan, by `?`."""
    return _PARTS.sub(_mask, text)


def _mask(part: re.Match[str]) -> str:
    return part["name"] or (" " if part["comment"] else "?")


def _kind(text: str) -> str:
    if _IS_WRITE.search(text):
        return "write"
    if not _IS_READ.search(text) or _SETS_CONFIG.search(text):
        return "control"
    if _IS_SEARCH.search(text):
        return "search"
    return "join" if _IS_JOIN.search(text) else "simple"


def has_plan(sql: str) -> bool:
    """Tell whether PostgreSQL makes a plan for this kind of statement."""
    return bool(_HAS_PLAN.match(sql))


def number_placeholders(sql: str) -> str:
    """Replace psycopg's placeholders by `$1`, `$2` …, as psycopg numbers them."""
    numbers: dict[str, str] = {}

    def number(placeholder: re.Match[str]) -> str:
        if placeholder[0] == "%%":
            return "%"
        name = placeholder[1] or f" {len(numbers)}"
        return numbers.setdefault(name, f"${len(numbers) + 1}")

    return _PLACEHOLDER.sub(number, sql)


def format_sql(sql: str) -> str:
    """Lay a statement out with one clause per line, without quotes and with short lists."""
    flat = _LISTS.sub("IN (%s, …)", " ".join(sql.split()))
    return _LINES.sub("\n", flat).replace('"', "")
