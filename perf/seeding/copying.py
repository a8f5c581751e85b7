"""COPY of generated rows: a few hundred at a time, so that memory stays flat."""

from __future__ import annotations

from itertools import islice
from typing import Any

from .progress import Progress
from .tables import COLUMNS, Load

# Lines that are sent at once: about as much as the socket holds, so that the server works on them
# while the next are made.
CHUNK = 500

NULL = r"\N"
# Indexed by a bool.
BOOL = ("f", "t")

_ESCAPES = str.maketrans({"\\": r"\\", "\t": r"\t", "\n": r"\n", "\r": r"\r"})


def escape(text: str) -> str:
    """Return text, escaped for a column of COPY."""
    return text.translate(_ESCAPES)


def line(*values: Any) -> str:
    """Return a row in COPY's text format; for millions of rows, an f-string is faster."""
    return "\t".join([_column(value) for value in values]) + "\n"


def _column(value: Any) -> str:
    if value is None:
        return NULL
    return BOOL[value] if isinstance(value, bool) else escape(str(value))


def copy_rows(cursor: Any, load: Load, progress: Progress, *, freeze: bool) -> None:
    """Copy the rows into their table, as the current role.

    Args:
        freeze: Mark the rows frozen and their pages all-visible, which spares a VACUUM. Only for
            tables that this transaction has truncated.

    Raises:
        RuntimeError: The number of rows differs from `load.count`.
    """
    columns = COLUMNS[load.table].replace(" ", ", ")
    options = " WITH (FREEZE)" if freeze else ""
    sent = 0
    with (
        progress.step(load.table, load.count) as bar,
        cursor.copy(f"COPY {load.table} ({columns}) FROM STDIN{options}") as copy,
    ):
        lines = iter(load.lines())
        while chunk := list(islice(lines, CHUNK)):
            copy.write("".join(chunk))
            sent += len(chunk)
            bar.update(len(chunk))
    if sent != load.count:
        raise RuntimeError(f"{load.table}: {sent} rows were generated, {load.count} were expected.")
