"""Files are read in child processes with limits."""

from __future__ import annotations

import io
import threading
import time
from pathlib import Path
from typing import Any

import pytest
from django.core.files import File
from django.core.files.storage import storages
from django.core.files.uploadedfile import TemporaryUploadedFile
from django.db import connection

from morpheus.db.transactions import write_transaction
from morpheus.http.bulkhead import Bulkhead, Busy
from morpheus.sandbox import run_or_refuse
from novels import parsing
from novels.models import NovelUpload, ProcessingStatus
from novels.parsing import ParseError
from novels.services import sandboxed
from novels.services.novels import novel_delete
from novels.services.processing import upload_parse
from novels.services.uploads import novel_create_from_upload, upload_stored
from tests.morpheus.sandbox import functions
from tests.serving import wait_until

TEXT = b"CHAPTER I. The start\n\nIt began.\n\nCHAPTER II. The end\n\nIt ended.\n"
# What stands for "hangs": the child would sleep for ten minutes.
FAR_S = 30


def a_file(content: Any = TEXT) -> Any:
    file = File(io.BytesIO(content), name="tale.txt")
    file.size = len(content)
    return file


@pytest.fixture
def make_upload(make_user: Any) -> Any:
    owner = make_user("ann")

    def make(content: Any = TEXT) -> Any:
        with (
            upload_stored(
                owner_id=owner.pk, file=a_file(content), file_format="txt", filename="tale.txt"
            ) as upload,
            write_transaction(as_user=owner.pk),
        ):
            return novel_create_from_upload(owner_id=owner.pk, upload=upload, fields={})

    return make


@pytest.fixture
def parsing_is(monkeypatch: pytest.MonkeyPatch) -> Any:
    """Parse and check by another function."""

    def replace(function: Any) -> None:
        monkeypatch.setattr(parsing, "parse_novel", function)
        monkeypatch.setattr(parsing, "check_upload", function)

    return replace


def status_of(novel: Any) -> Any:
    with write_transaction(as_user=novel.owner_id):
        row = ProcessingStatus.objects.get(pk=novel.pk)
    return row.state, row.message


def test_a_file_is_checked_and_parsed_from_its_bytes_or_its_path(tmp_path: Path) -> None:
    path = tmp_path / "tale.txt"
    path.write_bytes(TEXT)

    assert sandboxed.check_upload(a_file(), "tale.txt") == "txt"
    with TemporaryUploadedFile("tale.txt", "text/plain", len(TEXT), None) as received:
        received.write(TEXT)
        received.flush()
        assert sandboxed.check_upload(received, "tale.txt") == "txt"
    assert len(sandboxed.parse_novel(a_file(), "tale.txt").chapters) == 2
    assert len(sandboxed.parse_novel(path, "tale.txt").chapters) == 2


def test_a_file_name_of_a_client_is_not_used_as_a_path() -> None:
    file = a_file(b"%PDF-1.4")
    file.name = __file__

    with pytest.raises(ParseError, match="PDF"):
        sandboxed.check_upload(file, "novel.txt")


def test_a_file_that_takes_too_long_to_check_is_refused(settings: Any, parsing_is: Any) -> None:
    settings.MORPHEUS_UPLOAD_CHECK_TIMEOUT_S = 1
    parsing_is(functions.spin_on)

    with pytest.raises(ParseError, match="more than 1 s"):
        sandboxed.check_upload(a_file(), "tale.txt")


def test_a_file_that_needs_too_much_memory_is_refused(settings: Any) -> None:
    settings.MORPHEUS_SANDBOX_MEMORY_BYTES = 64 * 1024**2

    with pytest.raises(ParseError, match="more memory"):
        sandboxed.parse_novel(a_file(b"ab\n" * 6_000_000), "tale.txt")


def test_a_file_that_crashes_its_parser_is_refused_and_logged(
    parsing_is: Any, caplog: pytest.LogCaptureFixture
) -> None:
    parsing_is(functions.segv)

    with pytest.raises(ParseError, match="cannot be read"):
        sandboxed.check_upload(a_file(), "tale.txt")

    assert "SIGSEGV" in caplog.text


def test_a_check_without_a_free_slot_is_refused(monkeypatch: pytest.MonkeyPatch) -> None:
    bulkhead = Bulkhead(1, most_waiting=1, patience_s=0.01)
    monkeypatch.setattr(sandboxed, "CHECKING", bulkhead)

    with bulkhead.hold(), pytest.raises(Busy):
        sandboxed.check_upload(a_file(), "tale.txt")


@pytest.mark.django_db
def test_a_parse_that_takes_too_long_fails_with_advice(
    make_upload: Any, settings: Any, parsing_is: Any
) -> None:
    novel = make_upload()
    settings.MORPHEUS_PARSE_TIMEOUT_S = 1
    parsing_is(functions.spin_on)

    upload_parse(novel_id=novel.pk, owner_id=novel.owner_id, given=[])

    state, message = status_of(novel)
    assert state == "failed" and "more than 1 s" in message and "Split" in message
    with write_transaction(as_user=novel.owner_id):
        assert storages["uploads"].exists(NovelUpload.objects.get().path)


@pytest.mark.django_db(transaction=True)
def test_deleting_a_novel_stops_its_parse(
    make_upload: Any, parsing_is: Any, caplog: pytest.LogCaptureFixture
) -> None:
    novel = make_upload()
    parsing_is(functions.sleep_on)

    def parse() -> None:
        upload_parse(novel_id=novel.pk, owner_id=novel.owner_id, given=[])
        connection.close()

    parses = threading.Thread(target=parse)
    parses.start()
    wait_until(lambda: status_of(novel)[0] == "processing")
    time.sleep(1)

    with write_transaction(as_user=novel.owner_id):
        novel_delete(novel_id=novel.pk)

    parses.join(FAR_S)
    assert not parses.is_alive()


@pytest.mark.django_db(transaction=True)
def test_no_transaction_is_open_while_an_upload_is_checked(
    make_user: Any, as_user: Any, monkeypatch: pytest.MonkeyPatch
) -> None:
    really, open_before = run_or_refuse, []

    def watched(*args: Any, **kwargs: Any) -> Any:
        open_before.append(connection.in_atomic_block)
        return really(*args, **kwargs)

    monkeypatch.setattr(sandboxed, "run_or_refuse", watched)

    response = as_user(make_user("ann")).post(
        "/api/v1/novels/", {"file": a_file()}, format="multipart"
    )

    assert (response.status_code, open_before) == (201, [False])
