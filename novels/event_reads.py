"""Processing statuses for event streams, which read what PostgreSQL has just notified them of.

Not from the cache: a change by psql invalidates cached values a moment after the notification.
"""

from __future__ import annotations

from collections.abc import Collection, Iterable, Sequence
from datetime import datetime
from typing import Any

from morpheus.db.compiled_reads import CompiledRead
from morpheus.db.transactions import read_as, read_transaction
from morpheus.http.rendering import JSONRenderer
from novels.models import ProcessingStatus
from novels.reads import PROCESSING_STATUS, STATUS_COLUMNS, STATUS_ROWS

_OWN = CompiledRead(
    *(int, list),
    build=lambda owner, novels: (
        ProcessingStatus.objects.owned_by(owner).of_ids(novels).values_list(*STATUS_COLUMNS)
    ),
)
_OWN_CHANGED = CompiledRead(
    *(int, datetime),
    build=lambda owner, since: (
        ProcessingStatus.objects.owned_by(owner).changed_since(since).values_list(*STATUS_COLUMNS)
    ),
)


def status_bodies(
    novel_id: int, reader_id: int | None, ids: Collection[int], since: datetime | None
) -> dict[int, bytes | None]:
    """Return the status of a novel as the API shows it, None if the reader cannot see it."""
    rows = read_as(reader_id, lambda: STATUS_ROWS.rows(novel_id, reader_id))
    return {novel_id: None, **_render(rows)}


def own_status_bodies(
    owner_id: int, ids: Collection[int], since: datetime | None
) -> dict[int, bytes | None]:
    """Return statuses of an owner's novels: at most 1 query for each argument.

    Args:
        ids: Of these novels, None for each that is gone.
        since: And those that are unfinished or have changed since then.
    """
    with read_transaction(as_user=owner_id):
        rows = _OWN_CHANGED.rows(owner_id, since) if since else []
        if missing := {*ids} - {row[0] for row in rows}:
            rows = [*rows, *_OWN.rows(owner_id, [*missing])]
    return {**dict.fromkeys(ids), **_render(reversed(rows))}


def _render(rows: Iterable[Sequence[Any]]) -> dict[int, bytes]:
    render, media_type = JSONRenderer().render, JSONRenderer.media_type
    return {row[0]: render(PROCESSING_STATUS.render(row), media_type) for row in rows}
