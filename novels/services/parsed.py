"""Store the result of a parse."""

from __future__ import annotations

from collections.abc import Collection
from pathlib import PurePath

from django.db import connection, transaction

from morpheus.db.name_fields import clean_imported_name
from novels.models import Chapter, ChapterText, Language, Novel
from novels.parsing import ParsedChapter, ParsedNovel
from novels.search.documents import documents_rebuild
from novels.services.status import NovelGone, State, status_set
from users.models import belonging_to

# Rows per INSERT: texts are long, and all parameters of a statement are in memory at once.
BATCH_ROWS = 200


def default_title(filename: str) -> str:
    """Return the title of a novel until its file is parsed: the name of the file."""
    return clean_imported_name(PurePath(filename).stem.replace("_", " "))[:300] or "Untitled"


@transaction.atomic(savepoint=False)
def novel_store_parsed(*, novel_id: int, parsed: ParsedNovel, given: Collection[str]) -> None:
    """Replace the novel's chapters, texts and search documents, and complete its status.

    Title, author and language come from the file, unless the owner set them: `given` names the
    fields of the upload form, and later changes are kept too.

    Raises:
        NovelGone: The novel was deleted.
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
