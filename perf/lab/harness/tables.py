"""Tables of figures for a terminal.

`Table` formats row by row, because a row may take minutes.
"""

from __future__ import annotations

from collections.abc import Sequence

_MIN_WIDTH = 8


class Table:
    """Formats rows: the first column is text, the others are numbers.

    Attributes:
        heading: The first line.
    """

    def __init__(self, headings: Sequence[str], *, first_width: int = 24) -> None:
        self._widths = [first_width, *(max(_MIN_WIDTH, len(name)) for name in headings[1:])]
        self.heading = self.row(*headings)

    def row(self, *cells: str) -> str:
        """Return a line; cells beyond the headings follow as they are."""
        widths = [*self._widths, *[0] * (len(cells) - len(self._widths))]
        first, *others = zip(cells, widths, strict=False)
        numbers = (cell.rjust(width) for cell, width in others)
        return "  ".join([first[0].ljust(first[1]), *numbers]).rstrip()


def text_table(rows: Sequence[Sequence[str]], headings: Sequence[str]) -> str:
    """Return a table whose columns are as wide as their cells."""
    widths = [max(map(len, column)) for column in zip(headings, *rows, strict=True)]
    return "\n".join(
        "  ".join(cell.ljust(width) for cell, width in zip(row, widths, strict=True)).rstrip()
        for row in [headings, *rows]
    )
