"""Names of indexes by the rule of the house: `<table>_<purpose>_idx`."""

from __future__ import annotations

from collections.abc import Sequence

from django.db import connection
from django.db.models import Model

from perf.monitoring.list_indexes import MAX_NAME_CHARS


def index_name(model: type[Model], columns: Sequence[str]) -> str:
    """Return a free name for an index of these columns; words are shortened, the table's last."""
    table = model._meta.db_table
    words = [word for column in columns for word in column.lstrip("-").split("_")]
    purpose = "_".join(words)
    room = MAX_NAME_CHARS - len("_idx") - len(table) - 1
    length = max(map(len, words), default=0)
    while len(purpose) > room and length > 2:
        length -= 1
        purpose = "_".join(word[:length] for word in words)
    stem = f"{table}_{purpose}"[: MAX_NAME_CHARS - len("_idx")].rstrip("_")
    taken = _taken(stem[:-1])
    numbered = (f"{stem[:-1].rstrip('_')}{number}" for number in range(2, 10))
    free = next((one for one in (stem, *numbered) if f"{one}_idx" not in taken), stem)
    return f"{free}_idx"


def _taken(beginning: str) -> set[str]:
    with connection.cursor() as cursor:
        cursor.execute(
            "SELECT relname FROM pg_class WHERE starts_with(relname, %s) AND relkind IN ('i', 'r')",
            [beginning],
        )
        return {name for (name,) in cursor.fetchall()}
