"""What a plan says of one table's rows: conditions as EXPLAIN writes them, taken apart."""

from __future__ import annotations

import re
from collections.abc import Collection, Iterator
from dataclasses import dataclass, field

# Operators that no B-tree has, and which a GIN index may have.
GIN_OPERATORS = ("@@", "@>", "<@", "&&", "?|", "?&", "?", "~~*", "~~")
# Longer ones first: each is looked for as a whole word.
_OPERATORS = ("= ANY", "=", "<=", ">=", "<", ">", *GIN_OPERATORS)
_ROW = re.compile(r"^ROW\((?P<columns>.*)\) (?:<|>|<=|>=) .*$", re.DOTALL)


@dataclass
class Conditions:
    """The conditions on one table that an index may serve, by columns of the table.

    Attributes:
        equal: Compared for equality with something known.
        any_of: Compared with each of a list.
        literals: Boolean columns and what the statement itself says they must be.
        ranges: Compared by order; of a row comparison all, in their order.
        gin: Columns and the operator between them and something known.
    """

    equal: list[str] = field(default_factory=list)
    any_of: list[str] = field(default_factory=list)
    literals: dict[str, bool] = field(default_factory=dict)
    ranges: list[str] = field(default_factory=list)
    gin: list[tuple[str, str]] = field(default_factory=list)

    def add(self, text: str, alias: str, columns: Collection[str]) -> None:
        """Take in a condition; what no index could serve is passed by."""
        for part in split(text, " AND "):
            self._add(part, _Table(alias, columns))

    def _add(self, part: str, table: _Table) -> None:
        either = split(part, " OR ")
        if len(either) > 1:
            found = {table.comparison(one) for one in either}
            compared = {name for name, operator in found if operator in ("=", "= ANY")}
            # Several values of one column, or nothing that an index serves.
            if len(compared) == 1 and {name for name, _ in found} == compared:
                _append(self.any_of, *compared)
            return
        plain = unwrapped(part)
        if row := _ROW.match(plain):
            names = [table.column(one) for one in split(row["columns"], ", ")]
            self.ranges = [name for name in names if name] if all(names) else []
        elif name := table.column(plain):
            self.literals[name] = True
        elif plain.startswith("NOT ") and (name := table.column(plain[4:])):
            self.literals[name] = False
        else:
            self._compared(*table.comparison(plain))

    def _compared(self, name: str | None, operator: str) -> None:
        if name is None:
            return
        if operator == "=":
            _append(self.equal, name)
        elif operator == "= ANY":
            _append(self.any_of, name)
        elif operator in GIN_OPERATORS:
            self.gin.append((name, operator))
        elif not self.ranges:
            self.ranges = [name]


@dataclass(frozen=True, slots=True)
class _Table:
    alias: str
    columns: Collection[str]

    def column(self, text: str) -> str | None:
        """Return the column of this table that the text is, be it cast to another type."""
        plain = unwrapped(re.sub(r"::[\w ]+(\(\d+\))?$", "", unwrapped(text)))
        name = plain.removeprefix(f"{self.alias}.").replace('"', "")
        return name if name in self.columns else None

    def comparison(self, text: str) -> tuple[str | None, str]:
        """Return column and operator of a comparison of a column with something else."""
        plain = unwrapped(text)
        for operator in _OPERATORS:
            sides = split(plain, f" {operator} ")
            if len(sides) != 2:
                continue
            for mine, other in (sides, sides[::-1]):
                name = self.column(mine)
                if name and not self._mentions(other):
                    return name, operator
                if operator not in ("=", *GIN_OPERATORS):
                    break  # Only of these can the sides be changed.
        return None, ""

    def _mentions(self, text: str) -> bool:
        return re.search(rf"(?<![\w.]){re.escape(self.alias)}\.", text) is not None


def split(text: str, separator: str) -> list[str]:
    """Return the parts of a text between separators that no parenthesis or quote contains."""
    plain, parts, start = unwrapped(text), [], 0
    for at in _outside(plain):
        if at >= start and plain.startswith(separator, at):
            parts.append(plain[start:at])
            start = at + len(separator)
    return [*parts, plain[start:]]


def unwrapped(text: str) -> str:
    """Return the text without the parentheses around all of it."""
    plain = text.strip()
    while plain.startswith("(") and plain.endswith(")"):
        # Nothing but the last character is outside again.
        if next((at for at in _outside(plain) if at > 0), len(plain)) < len(plain):
            break
        plain = plain[1:-1].strip()
    return plain


def _outside(text: str) -> Iterator[int]:
    """Yield the places that are in no parentheses, brackets or quotes."""
    depth, is_quoted = 0, False
    for at, character in enumerate(text):
        if character == "'":
            is_quoted = not is_quoted
        elif not is_quoted and character in ")]":
            depth -= 1
        elif not is_quoted and character in "([":
            if depth == 0:
                yield at
            depth += 1
        elif not is_quoted and depth == 0:
            yield at


def _append(names: list[str], name: str | None) -> None:
    if name is not None and name not in names:
        names.append(name)
