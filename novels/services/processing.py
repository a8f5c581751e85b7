"""Parse an uploaded file, store its chapters, and report the progress.

Each write of the processing status is a short transaction, so that readers see it. Writes for a
novel that was deleted meanwhile raise `NovelGone`.
"""

from __future__ import annotations

import logging
import time
from collections.abc import Collection, Iterable
from dataclasses import asdict
from pathlib import PurePath
from textwrap import shorten

from django.db import InterfaceError, OperationalError, connection, transaction
from django.utils import timezone

from morpheus.db.name_fields import clean_imported_name
from morpheus.db.transactions import write_transaction
from morpheus.storage.files import StorageUnavailable, local_copy
from morpheus.worker.tasks import hold_task
from novels.models import Chapter, ChapterText, Language, Novel, NovelUpload, ProcessingStatus
from novels.parsing import ParsedChapter, ParsedNovel, ParseError, ParseWarning
from novels.search.documents import documents_rebuild
from novels.services.sandboxed import parse_novel
from users.models import belonging_to

logger = logging.getLogger(__name__)

State = ProcessingStatus.State

# Seconds between two writes of one status row; clients poll about once a second.
PROGRESS_INTERVAL_S = 0.25
# The share of parsing; storing chapters and search documents is the rest.
PARSING_PERCENT = 70

BROKEN = "An internal error occurred while this file was parsed; it has been logged."
FILE_LOST = "The uploaded file is missing. Delete this novel and upload it again."

# Rows per INSERT: texts are long, and all parameters of a statement are in memory at once.
BATCH_ROWS = 200


class NovelGone(Exception):
    """The novel was deleted while its upload was parsed."""


def upload_parse(*, novel_id: int, owner_id: int, given: Collection[str]) -> None:
    """Parse the upload of a novel and store its chapters; the status row shows the progress.

    Running it twice gives the same rows. A refused file sets the status `failed` and raises
    nothing, and neither does a deleted novel. No transaction is open during the parse, which runs
    in a child process with limits.

    Raises:
        OperationalError: The database is unreachable; run it again.
        StorageUnavailable: The object store is; run it again.
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
    except (OperationalError, InterfaceError, StorageUnavailable):
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
    with local_copy("uploads", upload.path) as path:
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
        """Stop the parse of a deleted novel by raising NovelGone."""
        with write_transaction(as_user=self.owner_id):
            hold_task()
            if not ProcessingStatus.objects.filter(pk=self.novel_id).exists():
                raise NovelGone


def status_advance(*, novel_id: int, owner_id: int, stage: str, progress: int) -> None:
    """Write the progress of a parse, in percent."""
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
    """Write the status row in the caller's transaction; the message repeats the warnings."""
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


def default_title(filename: str) -> str:
    """Return the title of a novel until its file is parsed: the name of the file."""
    return clean_imported_name(PurePath(filename).stem.replace("_", " "))[:300] or "Untitled"


@transaction.atomic(savepoint=False)
def novel_store_parsed(*, novel_id: int, parsed: ParsedNovel, given: Collection[str]) -> None:
    """Replace the novel's chapters, texts and search documents, and complete its status.

    Title, author and language come from the file, unless the owner set them: `given` names the
    fields of the upload form, and later changes are kept too.
    """
    # A concurrent parse of the same novel waits here, and then replaces the same rows.
    rows = Novel.objects.select_for_update(of=("self",), no_key=True).select_related("upload")
    novel = rows.filter(pk=novel_id).first()
    if novel is None:
        raise NovelGone
    metadata = _metadata(novel, parsed)
    for name in metadata.keys() - set(given):
        setattr(novel, name, metadata[name])
    Chapter.objects.filter(novel_id=novel_id).delete()
    chapters = _chapters_create(novel, parsed.chapters)
    novel.chapter_count = len(chapters)
    novel.word_count = sum(chapter.word_count for chapter in chapters)
    novel.save(update_fields=[*metadata, "chapter_count", "word_count", "updated_at"])
    documents_rebuild(novel_id=novel_id)
    status_set(novel_id=novel_id, state=State.COMPLETED, progress=100, warnings=parsed.warnings)


def _metadata(novel: Novel, parsed: ParsedNovel) -> dict[str, str | Language]:
    """Return the file's values of the fields that still have their initial value."""
    metadata: dict[str, str | Language] = {}
    title, author = clean_imported_name(parsed.title), clean_imported_name(parsed.author)
    if title and novel.title == default_title(novel.upload.filename):
        metadata["title"] = title[:300]
    if author and not novel.author:
        metadata["author"] = author[:200]
    if parsed.language and novel.language_id is None:
        metadata["language"] = language_ensure(parsed.language)
    return metadata


def language_ensure(code: str) -> Language:
    """Return the row of a language, made when the first novel in it comes.

    Its name is that of CLDR; search uses PostgreSQL's configuration of that name, if there is one.
    """
    language = Language.objects.filter(code=code).first()
    if language is not None:
        return language
    # The names of all languages take 25 MB and 0.6 s, so only a new language loads them.
    import langcodes

    name = langcodes.Language.get(code).display_name()
    with connection.cursor() as cursor:
        cursor.execute("SELECT 1 FROM pg_ts_config WHERE cfgname = %s", [name.lower()])
        config = name.lower() if cursor.fetchone() else "simple"
    defaults = {"name": name, "search_config": config}
    return Language.objects.get_or_create(code=code, defaults=defaults)[0]


def _chapters_create(novel: Novel, parsed: tuple[ParsedChapter, ...]) -> list[Chapter]:
    chapters = Chapter.objects.bulk_create(
        [
            Chapter(
                novel=novel,
                number=number,
                title=clean_imported_name(chapter.title)[:300] or f"Chapter {number}",
                word_count=chapter.word_count,
                **belonging_to(novel),
            )
            for number, chapter in enumerate(parsed, start=1)
        ],
        batch_size=BATCH_ROWS,
    )
    ChapterText.objects.bulk_create(
        [
            ChapterText(chapter=chapter, content=text.content, **belonging_to(chapter))
            for chapter, text in zip(chapters, parsed, strict=True)
        ],
        batch_size=BATCH_ROWS,
    )
    return chapters
