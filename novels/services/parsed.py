"""Storing what a parse found."""

from __future__ import annotations

from collections.abc import Collection

from django.db import transaction

from morpheus.db.name_fields import clean_imported_name
from novels.models import Chapter, ChapterText, Language, Novel
from novels.parsing import ParsedChapter, ParsedNovel
from novels.search import documents_rebuild
from novels.services.status import NovelGone, State, status_set
from novels.upload_files import default_title
from users.models import belonging_to

# Rows per INSERT: texts are long, and one statement's parameters are all in memory at once.
BATCH_ROWS = 200


@transaction.atomic(savepoint=False)
def novel_store_parsed(*, novel_id: int, parsed: ParsedNovel, given: Collection[str]) -> None:
    """Replace the novel's chapters, texts and search documents, and complete its status.

    Title, author and language come from the file unless the owner chose them: `given` names the
    fields that came with the upload, and what was changed since is left alone too.

    Raises:
        NovelGone: There is no such novel any more.
    """
    # Whoever parses the same novel at the same time waits here, and then replaces the same rows.
    rows = Novel.objects.select_for_update(of=("self",), no_key=True).select_related("upload")
    novel = rows.filter(pk=novel_id).first()
    if novel is None:
        raise NovelGone
    found = _found(novel, parsed)
    for name in found.keys() - set(given):
        setattr(novel, name, found[name])
    Chapter.objects.filter(novel_id=novel_id).delete()
    chapters = _chapters_create(novel, parsed.chapters)
    novel.chapter_count = len(chapters)
    novel.word_count = sum(chapter.word_count for chapter in chapters)
    novel.save(update_fields=[*found, "chapter_count", "word_count", "updated_at"])
    documents_rebuild(novel_id=novel_id)
    status_set(novel_id=novel_id, state=State.COMPLETED, progress=100)


def _found(novel: Novel, parsed: ParsedNovel) -> dict[str, str | Language]:
    """Return what the file says about the fields that still have their first, empty value."""
    found: dict[str, str | Language] = {}
    title, author = clean_imported_name(parsed.title), clean_imported_name(parsed.author)
    if title and novel.title == default_title(novel.upload.filename):
        found["title"] = title[:300]
    if author and not novel.author:
        found["author"] = author[:200]
    if parsed.language and novel.language_id is None:
        language = Language.objects.filter(code=parsed.language).first()
        if language is not None:
            found["language"] = language
    return found


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
