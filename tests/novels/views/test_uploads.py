"""POST /novels/."""

from __future__ import annotations

import errno
import io
import threading
import zipfile
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
from django.conf import settings
from django.core.files.storage import FileSystemStorage, storages
from django.core.files.uploadedfile import SimpleUploadedFile
from django.db import connection
from django_tasks_db.models import DBTaskResult
from pytest_django import Settings
from rest_framework.test import APIClient

from morpheus.db.transactions import write_transaction
from novels.models import Novel, NovelUpload, ProcessingStatus
from novels.services.processing import default_title
from users.models import User

URL = "/api/v1/novels/"
TEXT = b"CHAPTER I. The start\n\nIt began.\n\nCHAPTER II. The end\n\nIt ended.\n"


def upload(client: APIClient, content: Any = TEXT, name: str = "a_tale.txt", **fields: Any) -> Any:
    file = SimpleUploadedFile(name, content)
    return client.post(URL, {"file": file, **fields}, format="multipart")


class FullStorage(FileSystemStorage):
    """A disk with room for half of each file."""

    def _save(self, name: str, content: Any) -> None:
        path = Path(self.path(name))
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_bytes(content.read()[: content.size // 2])
        raise OSError(errno.ENOSPC, "No space left on device")


def stored_files() -> set[Any]:
    root = settings.STORAGES["uploads"]["OPTIONS"]["location"]
    return {path for path in root.rglob("*") if path.is_file()}


def assert_nothing_is_left(user: Any, files: Any) -> None:
    with write_transaction(as_user=user.pk):
        assert not Novel.objects.exists() and not NovelUpload.objects.exists()
    assert not DBTaskResult.objects.exists()
    assert stored_files() == files


def test_only_a_file_is_required(as_user: Callable[..., APIClient], ann: User) -> None:
    response = upload(as_user(ann))

    assert response.status_code == 201, response.content
    novel = response.json()
    assert novel["title"] == "a tale" and novel["visibility"] == "private"
    assert novel["owner"] == {"id": ann.pk, "display_name": "Ann"}
    assert as_user(ann).get(response["Location"]).json() == novel
    status = as_user(ann).get(f"{URL}{novel['id']}/status/").json()
    assert (status["state"], status["progress"]) == ("pending", 0)


def test_the_fields_of_an_upload_are_stored(as_user: Callable[..., APIClient], ann: User) -> None:
    fields = {
        "title": "A tale",
        "author": "Ann",
        "synopsis": "Short.",
        "genre": "fantasy",
        "language": "de",
        "visibility": "public",
    }

    response = upload(as_user(ann), **fields)

    assert fields.items() <= response.json().items()
    given = DBTaskResult.objects.get().args_kwargs["kwargs"]["given"]
    assert {"title", "author", "language"} <= set(given)


def test_an_empty_value_counts_as_absent(as_user: Callable[..., APIClient], ann: User) -> None:
    response = upload(as_user(ann), title="", author=" ", language="", genre="")

    assert response.status_code == 201, response.content
    assert response.json()["title"] == "a tale"
    assert DBTaskResult.objects.get().args_kwargs["kwargs"]["given"] == []


def test_the_file_is_stored_under_a_generated_name_readable_by_the_server_alone(
    as_user: Callable[..., APIClient], ann: User
) -> None:
    before = stored_files()

    upload(as_user(ann), name="../../etc/evil.txt")

    (path,) = stored_files() - before
    assert path.read_bytes() == TEXT
    assert "evil" not in str(path)
    assert path.stat().st_mode & 0o077 == 0
    with write_transaction(as_user=ann.pk):
        row = NovelUpload.objects.get()
    assert (row.filename, row.size_bytes) == ("evil.txt", len(TEXT))


def test_uploading_demands_a_login(api: APIClient, ann: User) -> None:
    files = stored_files()

    assert upload(api).status_code == 401
    assert_nothing_is_left(ann, files)


def test_the_same_file_twice_by_one_owner_is_one_novel(
    as_user: Callable[..., APIClient], make_user: Callable[..., Any], ann: User
) -> None:
    first = upload(as_user(ann)).json()
    files = stored_files()

    again = upload(as_user(ann), name="other.txt", title="Other")

    assert again.status_code == 409
    assert again["Content-Type"] == "application/problem+json"
    assert again.json()["existing_id"] == first["id"]
    assert stored_files() == files
    assert upload(as_user(make_user("bob"))).status_code == 201


def epub_of(entries: Any) -> Any:
    buffer = io.BytesIO()
    with zipfile.ZipFile(buffer, "w", zipfile.ZIP_DEFLATED) as archive:
        for name, content in entries.items():
            archive.writestr(name, content)
    return buffer.getvalue()


@pytest.mark.parametrize(
    ("name", "content"),
    [
        ("empty.txt", b""),
        ("blank.txt", b" \n\n "),
        ("binary.txt", bytes(range(256)) * 20),
        ("picture.txt", b"\x89PNG\r\n\x1a\n" + b"\0" * 100),
        ("novel.pdf", b"%PDF-1.4\n"),
        ("no.epub", b"plain text"),
        ("broken.epub", b"PK\x03\x04 and nothing else"),
        ("other.epub", epub_of({"readme": "no book"})),
        ("bomb.epub", epub_of({"mimetype": "application/epub+zip", "a": b"0" * 30_000_000})),
    ],
)
def test_a_bad_file_is_refused_and_leaves_nothing(
    as_user: Callable[..., APIClient], ann: User, name: str, content: Any
) -> None:
    files = stored_files()

    response = upload(as_user(ann), content, name)

    assert response.status_code == 400, response.content
    (sentence,) = response.json()["errors"]["file"]
    assert sentence.endswith(".")
    assert_nothing_is_left(ann, files)


@pytest.mark.parametrize(
    "fields",
    [
        {"genre": "nonsense"},
        {"language": "zz"},
        {"visibility": "secret"},
        {"title": "x" * 301},
        {"author": "a\x00b"},
    ],
    ids=repr,
)
def test_a_bad_field_is_refused_and_leaves_nothing(
    as_user: Callable[..., APIClient], ann: User, fields: dict[str, Any]
) -> None:
    files = stored_files()

    response = upload(as_user(ann), **fields)

    assert response.status_code == 400
    assert set(response.json()["errors"]) == set(fields)
    assert_nothing_is_left(ann, files)


def test_a_malformed_form_is_refused(as_user: Callable[..., APIClient], ann: User) -> None:
    client = as_user(ann)

    assert client.post(URL, {"title": "x"}, format="multipart").status_code == 400
    assert client.post(URL, {"file": "text"}, format="multipart").status_code == 400
    assert client.post(URL, b"--x", content_type="multipart/form-data").status_code == 400
    assert client.post(URL, {"file": "text"}).status_code == 415


@pytest.mark.parametrize("excess", [1, 100_000])
def test_a_file_over_the_limit_is_refused(
    as_user: Callable[..., APIClient], ann: User, settings: Settings, excess: int
) -> None:
    settings.MORPHEUS_MAX_UPLOAD_BYTES = 1024 * 1024
    files = stored_files()

    response = upload(as_user(ann), b"a " * (512 * 1024) + b"a" * excess)

    assert response.status_code == 400
    assert "1 MB" in response.content.decode()
    assert_nothing_is_left(ann, files)
    assert upload(as_user(ann), (b"word " * 210_000)[: 1024 * 1024]).status_code == 201


@pytest.mark.django_db(transaction=True)
def test_of_two_equal_uploads_at_once_one_wins(
    as_user: Callable[..., APIClient], make_user: Callable[..., Any]
) -> None:
    ann = make_user("ann")
    clients = [as_user(ann) for _ in range(4)]
    files = stored_files()
    barrier = threading.Barrier(len(clients))
    responses = []

    def post(client: APIClient) -> None:
        try:
            barrier.wait()
            responses.append(upload(client))
        finally:
            connection.close()

    threads = [threading.Thread(target=post, args=[client]) for client in clients]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()

    won = [response for response in responses if response.status_code == 201]
    lost = [response for response in responses if response.status_code == 409]
    assert (len(won), len(lost)) == (1, 3), [response.content for response in responses]
    assert {response.json()["existing_id"] for response in lost} == {won[0].json()["id"]}
    assert len(stored_files() - files) == 1
    with write_transaction(as_user=ann.pk):
        assert ProcessingStatus.objects.count() == 1
    assert DBTaskResult.objects.count() == 1


@pytest.mark.django_db(transaction=True)
def test_deleting_a_novel_deletes_its_file_once_that_is_committed(
    as_user: Callable[..., APIClient], make_user: Callable[..., Any]
) -> None:
    client = as_user(make_user("ann"))
    files = stored_files()
    novel_id = upload(client).json()["id"]
    assert stored_files() != files

    assert client.delete(f"{URL}{novel_id}/").status_code == 204

    assert stored_files() == files
    assert upload(client).status_code == 201


@pytest.mark.django_db(transaction=True)
def test_a_novel_whose_file_cannot_be_deleted_is_deleted(
    as_user: Callable[..., APIClient], ann: User, monkeypatch: pytest.MonkeyPatch
) -> None:
    client = as_user(ann)
    url = upload(client)["Location"]

    def refuse(*args: Any) -> None:
        raise PermissionError

    monkeypatch.setattr(FileSystemStorage, "delete", refuse)
    assert client.delete(url).status_code == 204

    assert client.get(url).status_code == 404


def test_a_session_can_upload_too(
    make_user: Callable[..., Any], client: APIClient, ann: User
) -> None:
    client.force_login(ann)

    response = client.post(URL, {"file": SimpleUploadedFile("a.txt", TEXT)})

    assert response.status_code == 201, response.content
    assert storages["uploads"].exists(_path(ann))


def _path(user: Any) -> Any:
    with write_transaction(as_user=user.pk):
        return NovelUpload.objects.get().path


def test_below_the_floor_of_free_space_no_file_is_received(
    as_user: Callable[..., APIClient],
    ann: User,
    settings: Settings,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    settings.MORPHEUS_FREE_SPACE_BYTES = 2**60
    read = []
    monkeypatch.setattr(
        "morpheus.http.request_bodies.BoundedUploadHandler.handle_raw_input",
        lambda *_, **__: read.append(1),
    )
    before = stored_files()

    response = upload(as_user(ann))

    assert response.status_code == 507
    assert response["Content-Type"] == "application/problem+json"
    assert read == []
    assert_nothing_is_left(ann, before)
    assert as_user(ann).get(URL).status_code == 200


def test_a_full_disk_is_507_and_leaves_no_partial_file(
    as_user: Callable[..., APIClient], ann: User, settings: Settings
) -> None:
    before = stored_files()
    full = settings.STORAGES["uploads"] | {"BACKEND": f"{__name__}.FullStorage"}
    settings.STORAGES = settings.STORAGES | {"uploads": full}

    response = upload(as_user(ann))

    assert response.status_code == 507
    assert response["Content-Type"] == "application/problem+json"
    assert_nothing_is_left(ann, before)


@pytest.mark.parametrize("field", ["title", "author"])
@pytest.mark.parametrize("name", ["\u200b\u200b", "\u202eTale", "\u0301"], ids=ascii)
def test_a_name_with_hidden_characters_is_refused_and_leaves_nothing(
    as_user: Callable[..., APIClient], ann: User, field: str, name: str
) -> None:
    files = stored_files()

    response = upload(as_user(ann), **{field: name})

    assert response.status_code == 400
    assert "visible character" in response.json()["errors"][field][0]
    assert_nothing_is_left(ann, files)


@pytest.mark.parametrize(
    "filename, title",
    [
        ("a_\u202etale\u200b.txt", "a tale"),
        ("\u3164.txt", "Untitled"),
        ("می\u200cخواهم.txt", "می\u200cخواهم"),
    ],
    ids=ascii,
)
def test_hidden_characters_in_a_files_name_are_left_out_of_the_title(
    filename: str, title: str
) -> None:
    assert default_title(filename) == title


def test_a_file_that_is_cut_short_without_an_error_is_not_acknowledged(
    as_user: Callable[..., APIClient], ann: User, monkeypatch: pytest.MonkeyPatch
) -> None:
    """As `os.write` does with the last bytes that a disk has room for."""

    def save(self: FileSystemStorage, name: str, content: Any) -> Any:
        path = Path(self.path(name))
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_bytes(content.read()[: content.size // 2])
        return name

    before = stored_files()
    monkeypatch.setattr(FileSystemStorage, "_save", save)

    response = upload(as_user(ann))

    assert response.status_code == 507
    assert_nothing_is_left(ann, before)


def test_the_document_allows_empty_fields_in_a_form_and_not_in_json(client: Any) -> None:
    document = client.get("/api/v1/schema/", headers={"Accept": "application/json"}).json()
    lengths = {
        name: document["components"]["schemas"][name]["properties"]["genre"].get("minLength")
        for name in ("NovelCreateInputRequest", "PatchedNovelUpdateInputRequest")
    }

    assert lengths == {"NovelCreateInputRequest": None, "PatchedNovelUpdateInputRequest": 1}
