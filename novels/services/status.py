"""Writes of the processing status; each is a short transaction, so that readers see it."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import asdict
from textwrap import shorten

from django.utils import timezone

from morpheus.db.transactions import write_transaction
from morpheus.worker.tasks import hold_task
from novels.models import ProcessingStatus
from novels.parsing import ParseWarning

State = ProcessingStatus.State


class NovelGone(Exception):
    """The novel was deleted while its upload was parsed."""


def status_advance(*, novel_id: int, owner_id: int, stage: str, progress: int) -> None:
    """Write the progress of a parse, in percent.

    Raises:
        NovelGone: The novel was deleted.
    """
    with write_transaction(as_user=owner_id):
        hold_task()
        status_set(novel_id=novel_id, state=State.PROCESSING, stage=stage, progress=progress)


def status_fail(*, novel_id: int, owner_id: int, message: str) -> None:
    """Set the status `failed` with a message for the owner; ignore a deleted novel."""
    with write_transaction(as_user=owner_id):
        hold_task()
        ProcessingStatus.objects.filter(pk=novel_id).update(
            state=State.FAILED,
            stage="",
            message=message[:500],
            warnings=[],
            updated_at=timezone.now(),
        )


def status_set(
    *,
    novel_id: int,
    state: State,
    stage: str = "",
    progress: int,
    warnings: Iterable[ParseWarning] = (),
) -> None:
    """Write the status row in the caller's transaction; the message repeats the warnings.

    Raises:
        NovelGone: The novel was deleted.
    """
    details = [asdict(warning) for warning in warnings]
    updated = ProcessingStatus.objects.filter(pk=novel_id).update(
        state=state,
        stage=stage,
        progress=progress,
        message=shorten(" ".join(each["detail"] for each in details), 500, placeholder=" …"),
        warnings=details,
        updated_at=timezone.now(),
    )
    if not updated:
        raise NovelGone
