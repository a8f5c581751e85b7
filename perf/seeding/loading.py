"""COPY of generated rows: a few hundred at a time, so that memory stays flat."""

from __future__ import annotations

from itertools import islice
from typing import Any

from .lines import encode
from .progress import Progress
from .tables import COLUMNS, Load

# Lines that are sent at once: about as much as the socket holds, so that the server works on them
# while the next are made.
CHUNK = 500


def load_rows(cursor: Any, load: Load, progress: Progress, *, freeze: bool) -> None:
    """Copy the rows into their table, as the current role.

    Args:
        cursor: Django's, inside a transaction.
        load: The table and its rows.
        progress: Counts the loaded rows.
        freeze: Mark the rows frozen and their pages all-visible, which spares a VACUUM. Only for
            tables that this transaction has truncated.

    Raises:
        RuntimeError: The generator yields another number of rows than it said.
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
            copy.write(encode(chunk))
            sent += len(chunk)
            bar.update(len(chunk))
    if sent != load.count:
        raise RuntimeError(f"{load.table}: {sent} rows were made, {load.count} were promised.")
