"""Store and delete reading progress."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import timedelta
from http import HTTPStatus

from django.db import IntegrityError
from django.utils import timezone

from comics.reading.models import Progress
from comics.reading.querysets import StoredPlace
from morpheus.api.domain_errors import DomainError
from morpheus.db.transactions import write_transaction

# A device whose clock is fast would win over the others for as long as it is ahead.
CLOCK_TOLERANCE = timedelta(minutes=5)

# A novel that is deleted at this moment violates a foreign key. The next attempt finds it absent.
_ATTEMPTS = 3


class WorkNotFound(DomainError):
    """There is no such novel or comic, or the user cannot see it."""

    status = HTTPStatus.NOT_FOUND
    code = "not_found"

    def __init__(self) -> None:
        super().__init__("Not found.")


class PlaceNotFound(DomainError):
    """The novel has no such chapter, or the comic no such panel."""

    field = "chapter"
    code = "does_not_exist"

    def __init__(self, field: str) -> None:
        super().__init__(f"There is no {field} of this number.")
        self.field = field


class ReadInFuture(DomainError):
    """The time is too far ahead of the server's."""

    field = "read_at"
    code = "in_the_future"

    def __init__(self) -> None:
        most = CLOCK_TOLERANCE // timedelta(minutes=1)
        super().__init__(f"This is more than {most} minutes ahead of the server's time.")


def progress_store(
    *, user_id: int, entries: Sequence[Progress]
) -> list[Progress | WorkNotFound | PlaceNotFound | ReadInFuture]:
    """Store what a user has read where it is newer than the stored place, by `read_at`.

    Opens its transaction itself, because it may need another one. Invalidates
    `reading:<user>` and `reading:<user>/<work>`.

    Args:
        entries: Unsaved instances with different works; `user_id` need not be set.

    Returns:
        For each entry the place that is stored now, or why the entry was refused.
    """
    for _ in range(_ATTEMPTS - 1):
        try:
            return _store(user_id, entries)
        except IntegrityError:
            pass
    return _store(user_id, entries)


def progress_delete(*, user_id: int, kind: str, pk: int) -> bool:
    """Delete the progress of a user in a `novel` or `comic`; return whether there was one.

    Invalidates as `progress_store`.
    """
    deleted, _ = Progress.objects.of_work(user_id, kind, pk).delete()
    return bool(deleted)


def _store(
    user_id: int, entries: Sequence[Progress]
) -> list[Progress | WorkNotFound | PlaceNotFound | ReadInFuture]:
    latest = timezone.now() + CLOCK_TOLERANCE
    accepted = [entry for entry in entries if entry.read_at <= latest]
    left_out: dict[int, Progress | WorkNotFound | PlaceNotFound] = {}
    with write_transaction(as_user=user_id):
        works = Progress.objects.store(user_id, accepted) if accepted else set()
        rest = [each for each in accepted if (each.novel_id, each.comic_id) not in works]
        if rest:
            # A later statement: it sees the commit that the first one may have waited for.
            places = Progress.objects.stored(user_id, rest)
            left_out = {id(e): _explain(e, each) for e, each in zip(rest, places, strict=True)}
    return [
        ReadInFuture() if entry.read_at > latest else left_out.get(id(entry), entry)
        for entry in entries
    ]


def _explain(entry: Progress, place: StoredPlace) -> Progress | WorkNotFound | PlaceNotFound:
    """Return why an entry was not stored: the newer place, or the refusal."""
    if not place.is_visible:
        return WorkNotFound()
    if not place.is_known or place.number is None:
        return PlaceNotFound("panel" if entry.novel_id is None else "chapter")
    return Progress(
        novel_id=entry.novel_id,
        comic_id=entry.comic_id,
        number=place.number,
        position=place.position,
        is_finished=place.is_finished,
        read_at=place.read_at,
    )
