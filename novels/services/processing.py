"""Parse an uploaded file, store its chapters, and report the progress."""

from __future__ import annotations

import logging
import time
from collections.abc import Collection
from pathlib import Path

from django.core.files.storage import storages
from django.db import InterfaceError, OperationalError

from morpheus.db.transactions import write_transaction
from morpheus.worker.tasks import hold_task
from novels.models import NovelUpload, ProcessingStatus
from novels.parsing import ParsedNovel, ParseError
from novels.services.parsed import novel_store_parsed
from novels.services.sandboxed import parse_novel
from novels.services.status import NovelGone, status_advance, status_fail

logger = logging.getLogger(__name__)

# Seconds between two writes of one status row; clients poll about once a second.
PROGRESS_INTERVAL_S = 0.25
# The share of parsing; storing chapters and search documents is the rest.
PARSING_PERCENT = 70

BROKEN = "An internal error occurred while this file was parsed; it has been logged."
FILE_LOST = "The uploaded file is missing. Delete this novel and upload it again."


def upload_parse(*, novel_id: int, owner_id: int, given: Collection[str]) -> None:
    """Parse the upload of a novel and store its chapters; the status row shows the progress.

    Running it twice gives the same rows. A refused file sets the status `failed` and raises
    nothing, and neither does a deleted novel. No transaction is open during the parse, which runs
    in a child process with limits.

    Raises:
        OperationalError: The database is unreachable; run it again.
    """
    try:
        parsed = _parse(novel_id, owner_id)
        with write_transaction(as_user=owner_id):
            hold_task()
            novel_store_parsed(novel_id=novel_id, parsed=parsed, given=given)
    except NovelGone:
        logger.info("Novel %s was deleted while its upload was parsed.", novel_id)
    except ParseError as error:
        status_fail(novel_id=novel_id, owner_id=owner_id, message=error.message)
    except FileNotFoundError:
        logger.error("The uploaded file of novel %s is missing.", novel_id)
        status_fail(novel_id=novel_id, owner_id=owner_id, message=FILE_LOST)
    except (OperationalError, InterfaceError):
        raise
    except Exception:
        status_fail(novel_id=novel_id, owner_id=owner_id, message=BROKEN)
        raise


def _parse(novel_id: int, owner_id: int) -> ParsedNovel:
    report = _Progress(novel_id, owner_id)
    report("reading", 0)
    with write_transaction(as_user=owner_id):
        upload = NovelUpload.objects.filter(pk=novel_id).only("filename", "path").first()
    if upload is None:
        raise NovelGone
    path = Path(storages["uploads"].path(upload.path))
    parsed = parse_novel(path, upload.filename, progress=report, check=report.confirm)
    report("storing", 100)
    return parsed


class _Progress:
    """Writes stage and percent to the status row: a new stage at once, progress rarely."""

    def __init__(self, novel_id: int, owner_id: int) -> None:
        self.novel_id = novel_id
        self.owner_id = owner_id
        self.stage = ""
        self.written_at = 0.0

    def __call__(self, stage: str, percent: int) -> None:
        now = time.monotonic()
        if stage == self.stage and now - self.written_at < PROGRESS_INTERVAL_S:
            return
        self.stage, self.written_at = stage, now
        status_advance(
            novel_id=self.novel_id,
            owner_id=self.owner_id,
            stage=stage,
            progress=percent * PARSING_PERCENT // 100,
        )

    def confirm(self) -> None:
        """Stop the parse of a deleted novel.

        Raises:
            NovelGone: The novel was deleted.
        """
        with write_transaction(as_user=self.owner_id):
            hold_task()
            if not ProcessingStatus.objects.filter(pk=self.novel_id).exists():
                raise NovelGone
