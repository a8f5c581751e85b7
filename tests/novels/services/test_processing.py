"""The way of an uploaded file to chapters."""

from __future__ import annotations

import io
import threading
from collections.abc import Callable
from typing import Any

import pytest
from django.core.files import File
from django.core.files.storage import storages
from django.core.management import call_command
from django.db import connection
from django_tasks_db.models import DBTaskResult
from rest_framework.test import APIClient

from morpheus.db.transactions import write_transaction
from novels.models import Chapter, ChapterText, Novel, NovelUpload, ProcessingStatus, SearchDocument
from novels.parsing import ParsedChapter, ParsedNovel, ParseWarning
from novels.services import processing
from novels.services.novels import novel_delete, novel_set_visibility, novel_update
from novels.services.processing import NovelGone, novel_store_parsed, status_advance, upload_parse
from novels.services.sandboxed import parse_novel
from novels.services.uploads import (
    NothingToParse,
    novel_create_from_upload,
    novel_reparse,
    upload_stored,
)
from tests.novels.parsing.epub_files import epub, page
from users.models import User

TEXT = b"""Title: A Tale
Author: Ann Author
Language: English

CHAPTER I. The start

It began.

CHAPTER II. The end

It ended.
"""


@pytest.fixture
def make_upload(ann: User) -> Callable[..., Any]:
    def make(content: Any = TEXT, filename: str = "my_file.txt", **fields: Any) -> Any:
        file = File(io.BytesIO(content), name=filename)
        file.size = len(content)
        with (
            upload_stored(
                owner_id=ann.pk, file=file, file_format="txt", filename=filename
            ) as upload,
            write_transaction(as_user=ann.pk),
        ):
            return novel_create_from_upload(owner_id=ann.pk, upload=upload, fields=fields)

    return make


def parse(novel: Any, given: Any = ()) -> None:
    upload_parse(novel_id=novel.pk, owner_id=novel.owner_id, given=given)


def state_of(novel: Any) -> Any:
    with write_transaction(as_user=novel.owner_id):
        row = ProcessingStatus.objects.get(pk=novel.pk)
    return row.state, row.progress, row.message


def stored_rows(novel: Any) -> Any:
    with write_transaction(as_user=novel.owner_id):
        return (
            list(Chapter.objects.of_novel(novel.pk).values_list("number", "title", "word_count")),
            ChapterText.objects.filter(chapter__novel=novel).count(),
            SearchDocument.objects.filter(novel=novel).count(),
        )


def fresh(novel: Any) -> Any:
    with write_transaction(as_user=novel.owner_id):
        return Novel.objects.for_summary().get(pk=novel.pk)


def test_a_parse_completes_the_novel(make_upload: Callable[..., Any]) -> None:
    novel = make_upload()

    parse(novel)

    now = fresh(novel)
    assert (now.title, now.author, now.language.code) == ("A Tale", "Ann Author", "en")
    assert (now.chapter_count, now.word_count) == (2, 4)
    assert stored_rows(novel) == ([(1, "The start", 2), (2, "The end", 2)], 2, 3)
    assert state_of(novel) == ("completed", 100, "")


def test_the_status_names_what_an_import_left_out(
    make_upload: Callable[..., Any], api: APIClient
) -> None:
    pages = {"cover.xhtml": page("<img src='c.png'/>"), "a.xhtml": page("<p>It began.</p>")}
    novel = make_upload(epub(pages).getvalue(), "book.epub")

    parse(novel)

    detail = "1 of 2 documents left out: OEBPS/cover.xhtml (no text)."
    with write_transaction(as_user=novel.owner_id):
        row = ProcessingStatus.objects.get(pk=novel.pk)
        novel_set_visibility(novel_ids=[novel.pk], is_public=True)
    assert (row.state, row.message) == ("completed", detail)
    assert row.warnings == [{"code": "documents_left_out", "detail": detail}]
    assert api.get(f"/api/v1/novels/{novel.pk}/status/").json()["warnings"] == row.warnings


def test_another_parse_forgets_the_warnings_of_the_one_before(
    make_upload: Callable[..., Any],
) -> None:
    novel = make_upload()
    warning = ParseWarning("words_lost", "word " * 200)
    parsed = ParsedNovel(None, None, None, (ParsedChapter("One", "It began."),), (), (warning,))
    with write_transaction(as_user=novel.owner_id):
        novel_store_parsed(novel_id=novel.pk, parsed=parsed, given=())
    assert state_of(novel)[2].endswith(" …") and len(state_of(novel)[2]) <= 500

    parse(novel)

    assert state_of(novel) == ("completed", 100, "")


def test_parsing_twice_gives_the_same_rows(make_upload: Callable[..., Any]) -> None:
    novel = make_upload()
    parse(novel)
    once = stored_rows(novel)

    parse(novel)

    assert stored_rows(novel) == once


def test_a_parse_keeps_the_owners_fields(make_upload: Callable[..., Any]) -> None:
    novel = make_upload(title="my file", author="Somebody else")

    parse(novel, given=["author", "title"])

    assert (fresh(novel).title, fresh(novel).author) == ("my file", "Somebody else")
    assert fresh(novel).language.code == "en"


def test_a_parse_keeps_the_owners_changes_during_it(make_upload: Callable[..., Any]) -> None:
    novel = make_upload()
    with write_transaction(as_user=novel.owner_id):
        novel_update(novel_id=novel.pk, changes={"title": "Changed"})

    parse(novel)

    assert (fresh(novel).title, fresh(novel).author) == ("Changed", "Ann Author")


def test_a_file_that_cannot_be_parsed_fails_with_its_message_and_stays(
    make_upload: Callable[..., Any],
) -> None:
    novel = make_upload()
    with write_transaction(as_user=novel.owner_id):
        path = NovelUpload.objects.get().path
    with storages["uploads"].open(path, "wb") as file:
        file.write(b"%PDF-1.4")

    parse(novel)

    state, _, message = state_of(novel)
    assert state == "failed" and "PDF" in message
    assert storages["uploads"].exists(path)


def test_a_missing_file_fails_with_its_message(make_upload: Callable[..., Any]) -> None:
    novel = make_upload()
    with write_transaction(as_user=novel.owner_id):
        storages["uploads"].delete(NovelUpload.objects.get().path)

    parse(novel)

    assert state_of(novel)[::2] == ("failed", processing.FILE_LOST)


def test_an_unexpected_error_fails_with_a_general_message(
    make_upload: Callable[..., Any], monkeypatch: pytest.MonkeyPatch
) -> None:
    novel = make_upload()

    def broken(*args: Any, **kwargs: Any) -> None:
        raise RuntimeError("secret detail")

    monkeypatch.setattr(processing, "parse_novel", broken)

    with pytest.raises(RuntimeError):
        parse(novel)

    assert state_of(novel)[::2] == ("failed", processing.BROKEN)


def test_a_parse_of_a_deleted_novel_ends_without_an_error(make_upload: Callable[..., Any]) -> None:
    novel = make_upload()
    with write_transaction(as_user=novel.owner_id):
        novel_delete(novel_id=novel.pk)

    parse(novel)

    assert not Chapter.objects.exists() and not ProcessingStatus.objects.exists()


def test_a_novel_deleted_during_its_parse_stays_deleted(
    make_upload: Callable[..., Any], monkeypatch: pytest.MonkeyPatch
) -> None:
    novel = make_upload()
    really = parse_novel

    def parse_and_delete(*args: Any, **kwargs: Any) -> Any:
        parsed = really(*args, **kwargs)
        with write_transaction(as_user=novel.owner_id):
            novel_delete(novel_id=novel.pk)
        return parsed

    monkeypatch.setattr(processing, "parse_novel", parse_and_delete)

    parse(novel)

    with write_transaction(as_user=novel.owner_id):
        assert not Novel.objects.exists() and not Chapter.objects.exists()
    with pytest.raises(NovelGone):
        status_advance(novel_id=novel.pk, owner_id=novel.owner_id, stage="x", progress=1)


def test_a_parse_reports_its_progress(
    make_upload: Callable[..., Any], monkeypatch: pytest.MonkeyPatch
) -> None:
    novel = make_upload()
    told = []
    monkeypatch.setattr(
        processing, "status_advance", lambda **step: told.append((step["stage"], step["progress"]))
    )

    parse(novel)

    stages = [stage for stage, _ in told]
    percents = [percent for _, percent in told]
    assert stages[0] == "reading" and stages[-1] == "storing"
    assert percents == sorted(percents) and percents[-1] < 100


def test_long_titles_of_a_file_are_truncated(make_upload: Callable[..., Any]) -> None:
    novel = make_upload()
    long = ParsedNovel("t" * 999, "a" * 999, "en", (ParsedChapter("c" * 999, "text"),))

    with write_transaction(as_user=novel.owner_id):
        novel_store_parsed(novel_id=novel.pk, parsed=long, given=[])

    now = fresh(novel)
    assert (len(now.title), len(now.author)) == (300, 200)


@pytest.mark.django_db(transaction=True)
def test_two_parses_of_one_novel_at_once_leave_no_duplicate(
    make_upload: Callable[..., Any],
) -> None:
    novel = make_upload()
    chapters = tuple(ParsedChapter(f"Chapter {n}", "text " * 50) for n in range(1, 101))
    parsed = ParsedNovel("T", "A", "en", chapters)
    errors = []

    def store() -> None:
        try:
            with write_transaction(as_user=novel.owner_id):
                novel_store_parsed(novel_id=novel.pk, parsed=parsed, given=[])
        except Exception as error:
            errors.append(error)
        finally:
            connection.close()

    threads = [threading.Thread(target=store) for _ in range(3)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()

    rows, texts, documents = stored_rows(novel)
    assert errors == []
    assert ([number for number, _, _ in rows], texts, documents) == (list(range(1, 101)), 100, 101)


def test_a_failed_novel_is_parsed_again_on_demand(make_upload: Callable[..., Any]) -> None:
    novel = make_upload()
    DBTaskResult.objects.all().delete()
    parse(novel)

    with write_transaction(as_staff=True):
        novel_reparse(novel_id=novel.pk)

    assert state_of(novel)[:2] == ("pending", 0)
    call_command("worker", batch=True)
    assert state_of(novel)[:2] == ("completed", 100)
    assert len(stored_rows(novel)[0]) == 2


def test_nothing_is_parsed_again_without_a_file_or_twice(
    make_upload: Callable[..., Any], make_novels: Callable[..., list[Any]]
) -> None:
    waiting, (without,) = make_upload(), make_novels(1)

    with write_transaction(as_staff=True):
        for novel in (waiting, without):
            with pytest.raises(NothingToParse, match=str(novel.pk)):
                novel_reparse(novel_id=novel.pk)
        with pytest.raises(Novel.DoesNotExist):
            novel_reparse(novel_id=0)
    assert DBTaskResult.objects.count() == 1


def test_visibility_is_set_for_many(
    make_novels: Callable[..., list[Any]], ann: User, make_user: Callable[..., Any]
) -> None:
    novels = make_novels(2, owner=ann) + make_novels(1, owner=ann, is_public=False)
    others = make_novels(1)
    ids = [novel.pk for novel in novels + others]

    with write_transaction(as_user=ann.pk):
        assert novel_set_visibility(novel_ids=ids, is_public=False) == 2
    with write_transaction(as_staff=True):
        assert novel_set_visibility(novel_ids=ids, is_public=False) == 1
        assert novel_set_visibility(novel_ids=ids, is_public=True) == 4


def test_hidden_characters_in_a_files_names_are_left_out(
    ann: User, make_upload: Callable[..., Any]
) -> None:
    novel = make_upload()
    chapters = (
        ParsedChapter(title="\u202eThe start\u200b", content="It began."),
        ParsedChapter(title="\u2066\u2069", content="It ended."),
    )
    parsed = ParsedNovel("A \u202eTale", "\u200b\u200b", None, chapters)

    with write_transaction(as_user=ann.pk):
        novel_store_parsed(novel_id=novel.pk, parsed=parsed, given=[])
        novel.refresh_from_db()
        titles = [*novel.chapters.order_by("number").values_list("title", flat=True)]

    assert (novel.title, novel.author) == ("A Tale", "")
    assert titles == ["The start", "Chapter 2"]


def test_the_first_novel_in_a_language_makes_its_row(make_upload: Callable[..., Any]) -> None:
    for tag, name, config in (("hu", "Hungarian", "hungarian"), ("kab", "Kabyle", "simple")):
        novel = make_upload(TEXT.replace(b"English", tag.encode()))

        parse(novel)

        language = fresh(novel).language
        assert (language.code, language.name, language.search_config) == (tag, name, config)
