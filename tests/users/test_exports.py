"""/users/me/exports/: an archive of one's data."""

from __future__ import annotations

import errno
import io
import json
import tracemalloc
from collections.abc import Callable, Iterator
from datetime import timedelta
from pathlib import Path
from typing import Any
from zipfile import ZipFile

import pytest
from django.core.files.storage import storages
from django.core.files.uploadedfile import SimpleUploadedFile
from django.utils import timezone
from django_tasks_db.models import DBTaskResult
from pytest_django import Settings
from rest_framework.test import APIClient

from morpheus.db.transactions import write_transaction
from morpheus.worker.tasks import task_given_up
from tests.cached_shapes import assert_shape_is_kept
from tests.comics.conftest import add_panel, make_comics, make_picture  # noqa: F401
from tests.conftest import as_staff
from tests.users.conftest import run_tasks
from tests.visitor import counted_queries
from users.account_parts import ExportFile
from users.cache_policies import EXPORT
from users.models import AccountExport
from users.services import exports

pytestmark = pytest.mark.django_db(transaction=True)

URL = "/api/v1/users/me/exports/"
TEXT = b"CHAPTER I. The start\n\nIt began.\n\nCHAPTER II. The end\n\nIt ended.\n"
SHAPES = Path(__file__).parent / "cached_shapes"


@pytest.fixture(autouse=True)
def own_files(tmp_path: Path, settings: Settings) -> Path:
    """Give the test storages of its own."""
    for alias in ("uploads", "images", "exports"):
        own = settings.STORAGES[alias] | {"OPTIONS": {"location": tmp_path / alias}}
        settings.STORAGES = settings.STORAGES | {alias: own}
    return tmp_path


@pytest.fixture
def ann(make_user: Callable[..., Any]) -> Any:
    return make_user("ann", bio="Reads.")


@pytest.fixture
def client(as_user: Callable[..., APIClient], ann: Any) -> APIClient:
    return as_user(ann)


@pytest.fixture
def bobs(as_user: Callable[..., APIClient], make_user: Callable[..., Any]) -> APIClient:
    return as_user(make_user("bob"))


def list_files(folder: Path) -> list[Path]:
    return [path for path in folder.rglob("*") if path.is_file()]


def download(client: APIClient, location: str) -> ZipFile:
    response: Any = client.get(f"{location}file/", headers={"accept": "application/zip"})
    assert response.status_code == 200
    assert response["Content-Type"] == "application/zip"
    assert response["Cache-Control"] == "private, no-store"
    assert 'attachment; filename="morpheus-export.zip"' in response["Content-Disposition"]
    return ZipFile(io.BytesIO(b"".join(response.streaming_content)))


def test_the_archive_has_everything_of_the_caller(
    client: APIClient,
    bobs: APIClient,
    ann: Any,
    make_comics: Callable[..., list[Any]],  # noqa: F811
    add_panel: Callable[..., Any],  # noqa: F811
    make_picture: Callable[..., bytes],  # noqa: F811
) -> None:
    for each in (client, bobs):
        body = {"file": SimpleUploadedFile("../ä tale.txt", TEXT), "title": "Tale"}
        each.post("/api/v1/novels/", body, format="multipart")
    run_tasks()
    [comic] = make_comics(1, owner=ann)
    picture = make_picture()
    add_panel(comic, picture, caption="One")

    response = client.post(URL)

    assert response.status_code == 202
    location = response["Location"]
    assert client.get(location).json() == response.json()
    assert (response.json()["state"], response.json()["progress"]) == ("pending", 0)
    run_tasks()
    status = client.get(location).json()
    assert (status["state"], status["progress"], status["message"]) == ("completed", 100, "")
    archive = download(client, location)
    assert archive.testzip() is None
    [novel] = client.get("/api/v1/novels/", {"owner": "me"}).json()["results"]
    folder = f"novels/{novel['id']}"
    assert set(archive.namelist()) == {
        "account.json",
        *(f"{folder}/novel.json", f"{folder}/upload.txt"),
        *(f"comics/{comic.pk}/comic.json", f"comics/{comic.pk}/000001.png"),
    }
    account = json.loads(archive.read("account.json"))
    assert (account["email"], account["bio"]) == (ann.email, "Reads.")
    assert "password" not in account and "digest" not in account["tokens"][0]
    exported = json.loads(archive.read(f"{folder}/novel.json"))
    assert [each["content"] for each in exported["chapters"]] == ["It began.", "It ended."]
    assert exported["title"] == "Tale"
    assert archive.read(f"{folder}/upload.txt") == TEXT
    assert archive.read(f"comics/{comic.pk}/000001.png") == picture
    [panel] = json.loads(archive.read(f"comics/{comic.pk}/comic.json"))["panels"]
    assert (panel["caption"], panel["file"]) == ("One", "000001.png")


def test_an_export_is_its_owners_alone(client: APIClient, bobs: APIClient, api: APIClient) -> None:
    location = client.post(URL)["Location"]
    run_tasks()

    for path in (location, f"{location}file/"):
        assert bobs.get(path).status_code == 404
        assert api.get(path).status_code == 401
        response = client.get(path)
        assert response.status_code == 200
        assert "private" in response["Cache-Control"]
        response.close()
    assert api.post(URL).status_code == 401


def test_row_level_security_alone_hides_exports(
    client: APIClient, make_user: Callable[..., Any]
) -> None:
    client.post(URL)

    with write_transaction(as_user=make_user("eve").pk):
        assert not AccountExport.objects.exists()
        assert AccountExport.objects.update(path="x") == 0
        assert AccountExport.objects.all().delete()[0] == 0


@pytest.mark.parametrize("path", ["0/", "9" * 30 + "/", "x/", "0/file/", "9" * 30 + "/file/"])
def test_nonsense_ids_are_404(client: APIClient, path: str) -> None:
    assert client.get(URL + path).status_code == 404


def test_while_one_is_made_another_is_409_and_a_later_one_takes_its_place(
    client: APIClient, own_files: Path
) -> None:
    first = client.post(URL)
    refused = client.post(URL)
    assert refused.status_code == 409
    assert refused.json()["existing_id"] == first.json()["id"]
    incomplete = client.get(f"{first['Location']}file/")
    assert (incomplete.status_code, incomplete["Content-Type"]) == (409, "application/problem+json")
    run_tasks()

    second = client.post(URL)
    run_tasks()

    assert client.get(first["Location"]).status_code == 404
    assert client.get(second["Location"]).json()["state"] == "completed"
    assert len(list_files(own_files / "exports")) == 1


def test_an_export_that_was_lost_with_its_task_may_be_replaced(client: APIClient) -> None:
    client.post(URL)
    DBTaskResult.objects.all().delete()
    with as_staff():
        AccountExport.objects.update(created_at=timezone.now() - exports.LOST_AFTER)

    assert client.post(URL).status_code == 202


def test_the_status_costs_no_query_when_warm_and_is_fresh_after_each_step(
    client: APIClient,
) -> None:
    export = client.post(URL)
    client.get(export["Location"])
    with counted_queries() as seen:
        client.get(export["Location"])
    assert seen.sql == []

    progress = exports._Progress(export.json()["id"], _user_id(client))
    progress.write(40)

    assert client.get(export["Location"]).json()["progress"] == 40
    assert_shape_is_kept(SHAPES, EXPORT, export.json()["id"], _user_id(client))


def _user_id(client: APIClient) -> int:
    return int(client.get("/api/v1/users/me/").json()["id"])


def test_a_lost_file_is_named_and_the_rest_is_there(
    client: APIClient, ann: Any, own_files: Path
) -> None:
    body = {"file": SimpleUploadedFile("tale.txt", TEXT)}
    novel = client.post("/api/v1/novels/", body, format="multipart").json()["id"]
    for path in list_files(own_files / "uploads"):
        path.unlink()

    location = client.post(URL)["Location"]
    run_tasks()

    archive = download(client, location)
    assert json.loads(archive.read("missing.json")) == [f"novels/{novel}/upload.txt"]
    assert f"novels/{novel}/novel.json" in archive.namelist()


@pytest.mark.parametrize(
    ("error", "message"),
    [
        (OSError(errno.ENOSPC, "full"), exports.DISK_FULL),
        (RuntimeError("a fault"), exports.BROKEN),
    ],
)
def test_a_failure_is_told_and_leaves_no_file(
    client: APIClient,
    own_files: Path,
    monkeypatch: pytest.MonkeyPatch,
    error: Exception,
    message: str,
) -> None:
    def fail(*arguments: Any) -> None:
        raise error

    with monkeypatch.context() as patch:
        patch.setattr(exports, "write_archive", fail)
        location = client.post(URL)["Location"]
        run_tasks()

    status = client.get(location).json()
    assert (status["state"], status["message"]) == ("failed", message)
    assert client.get(f"{location}file/").status_code == 409
    assert list_files(own_files / "exports") == []
    assert client.post(URL).status_code == 202


def test_an_export_whose_worker_dies_too_often_fails(client: APIClient) -> None:
    location = client.post(URL)["Location"]
    row = DBTaskResult.objects.get(task_path="users.tasks.build_export")

    task_given_up.send(DBTaskResult, row=row)

    assert client.get(location).json()["state"] == "failed"


def test_housekeeping_deletes_expired_exports_with_their_files(
    client: APIClient, bobs: APIClient, own_files: Path
) -> None:
    kept, expired = bobs.post(URL)["Location"], client.post(URL)["Location"]
    run_tasks()
    with as_staff():
        late = AccountExport.objects.filter(pk=int(expired.strip("/").rpartition("/")[2]))
        late.update(expires_at=timezone.now() - timedelta(seconds=1))

    assert exports.exports_delete_expired() == 1

    assert client.get(expired).status_code == 404
    assert download(bobs, kept).testzip() is None
    assert len(list_files(own_files / "exports")) == 1


def test_exports_of_one_user_are_limited(client: APIClient, settings: Settings) -> None:
    rates = settings.MORPHEUS_THROTTLE_RATES
    settings.MORPHEUS_THROTTLE_RATES = rates | {"export": (2, 86_400)}

    statuses = [client.post(URL).status_code for _ in range(3)]

    assert statuses == [202, 409, 429]


def test_the_archive_is_written_in_bounded_memory(tmp_path: Path) -> None:
    def read() -> Iterator[bytes]:
        yield from (bytes([number % 256]) * 1024**2 for number in range(64))

    with (tmp_path / "large.zip").open("wb") as target:
        tracemalloc.start()
        exports.write_archive(target, [ExportFile("large", read, is_compressed=True)])
        _, peak = tracemalloc.get_traced_memory()
        tracemalloc.stop()

    assert (tmp_path / "large.zip").stat().st_size > 64 * 1024**2
    assert peak < 8 * 1024**2


def test_a_running_export_that_is_deleted_leaves_nothing(
    client: APIClient, ann: Any, own_files: Path
) -> None:
    export = client.post(URL)
    exports.export_delete(user_id=ann.pk)

    run_tasks()

    assert client.get(export["Location"]).status_code == 404
    assert list_files(own_files / "exports") == []
    assert storages["exports"].exists("x") is False
