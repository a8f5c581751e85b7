"""An object store that fails or stalls: 503, nothing lost, and no connection is kept."""

from __future__ import annotations

import socket
import time
from collections.abc import Callable, Iterator
from typing import Any

import pytest
from django.core.files.base import ContentFile
from django.core.files.storage import storages
from django.db import OperationalError, transaction
from django_tasks import TaskResultStatus
from django_tasks_db.models import DBTaskResult
from rest_framework.test import APIClient

from comics.images.decoding import picture_read
from comics.models import Comic, Image
from comics.services.images import picture_stored
from morpheus.http.bulkhead import Bulkhead
from morpheus.storage import s3
from morpheus.storage.files import StorageUnavailable
from morpheus.worker.loop import Worker
from novels.models import NovelUpload
from users.models import User

from .conftest import TEXT

pytestmark = pytest.mark.django_db(transaction=True)

NOWHERE = "http://127.0.0.1:1"


@pytest.fixture
def lose_store(bucket: Any, use_store: Callable[..., None]) -> Callable[[], None]:
    """Let nothing listen at the address of the store from now on."""
    return lambda: use_store(bucket.name, NOWHERE)


@pytest.fixture
def stalled() -> Iterator[str]:
    """Return the address of a server that accepts connections and never responds."""
    with socket.create_server(("127.0.0.1", 0)) as server:
        yield f"http://127.0.0.1:{server.getsockname()[1]}"


def assert_unavailable(response: Any) -> None:
    assert response.status_code == 503, response.content
    assert response["Retry-After"] == "2"
    assert response["Content-Type"] == "application/problem+json"
    assert response.json()["detail"] == "The file storage is unreachable. Try again shortly."


def test_an_upload_that_cannot_be_stored_is_503_and_leaves_nothing(
    stored: Any,
    lose_store: Callable[[], None],
    ann: User,
    make_comics: Callable[..., Any],
    upload_novel: Callable[..., Any],
    upload_panel: Callable[..., Any],
) -> None:
    [comic] = make_comics(owner=ann)
    lose_store()

    assert_unavailable(upload_novel())
    assert_unavailable(upload_panel(comic))

    assert not NovelUpload.objects.exists() and not Image.objects.exists()
    assert not DBTaskResult.objects.exists()


def test_an_image_that_cannot_be_read_is_503_until_the_store_is_back(
    stored: Any,
    bucket: Any,
    endpoint: str,
    use_store: Callable[..., None],
    lose_store: Callable[[], None],
    api: APIClient,
    ann: User,
    make_comics: Callable[..., Any],
    upload_panel: Callable[..., Any],
) -> None:
    [comic] = make_comics(owner=ann)
    url = upload_panel(comic).json()["image_url"]
    thumbnail = f"/api/v1/comics/{comic.pk}/thumbnail/"
    lose_store()

    assert_unavailable(api.get(url))
    assert_unavailable(api.get(thumbnail))
    assert api.get(f"/api/v1/comics/{comic.pk}/").status_code == 200

    use_store(bucket.name, endpoint)
    image = api.get(url)
    assert image.status_code == 200
    image.close()
    assert api.get(thumbnail).status_code == 200


def test_a_thumbnail_that_cannot_be_stored_is_served(
    stored: Any,
    api: APIClient,
    ann: User,
    monkeypatch: pytest.MonkeyPatch,
    make_comics: Callable[..., Any],
    upload_panel: Callable[..., Any],
) -> None:
    [comic] = make_comics(owner=ann)
    upload_panel(comic)

    def fail(*args: Any) -> None:
        raise StorageUnavailable

    monkeypatch.setattr("comics.services.images.file_write", fail)
    assert api.get(f"/api/v1/comics/{comic.pk}/thumbnail/").status_code == 200


def test_a_parse_waits_for_the_store_and_is_no_lost_attempt(
    stored: Any,
    bucket: Any,
    endpoint: str,
    use_store: Callable[..., None],
    lose_store: Callable[[], None],
    client: APIClient,
    upload_novel: Callable[..., Any],
) -> None:
    status = upload_novel()["Location"] + "status/"
    lose_store()

    with pytest.raises(StorageUnavailable):
        Worker(interval_s=0.05).drain()

    [task] = DBTaskResult.objects.all()
    assert (task.status, task.worker_ids) == (TaskResultStatus.READY, [])
    assert client.get(status).json()["state"] == "processing"
    use_store(bucket.name, endpoint)
    Worker(interval_s=0.05).drain()
    assert client.get(status).json()["state"] == "completed"


def test_a_lost_object_fails_its_novel(
    stored: Any, bucket: Any, client: APIClient, upload_novel: Callable[..., Any]
) -> None:
    status = upload_novel()["Location"] + "status/"
    bucket.objects.all().delete()

    Worker(interval_s=0.05).drain()

    assert client.get(status).json()["state"] == "failed"


def test_a_deletion_succeeds_and_leaves_its_objects_to_housekeeping(
    stored: Any,
    lose_store: Callable[[], None],
    client: APIClient,
    ann: User,
    make_comics: Callable[..., Any],
    upload_novel: Callable[..., Any],
    upload_panel: Callable[..., Any],
) -> None:
    [comic] = make_comics(owner=ann)
    url = upload_novel()["Location"]
    upload_panel(comic)
    lose_store()

    assert client.delete(url).status_code == 204
    assert client.delete(f"/api/v1/comics/{comic.pk}/").status_code == 204

    assert not Comic.objects.exists() and not Image.objects.exists()
    assert len(stored()) == 2


def test_an_object_whose_row_may_be_committed_is_kept(
    stored: Any, make_picture: Callable[..., bytes]
) -> None:
    picture = picture_read(make_picture())

    with pytest.raises(OperationalError):
        with picture_stored(picture):
            raise OperationalError("the connection was lost during COMMIT")

    assert len(stored()) == 1


def test_a_request_inside_a_transaction_is_refused(stored: Any, calls: list[str]) -> None:
    with transaction.atomic():
        with pytest.raises(RuntimeError, match="inside a transaction"):
            storages["uploads"].save("a", ContentFile(b"x"))

    assert calls == []


def test_a_missing_bucket_is_no_missing_file(endpoint: str, use_store: Callable[..., None]) -> None:
    use_store("no-such-bucket", endpoint)

    with pytest.raises(StorageUnavailable):
        storages["uploads"].open("a")


def test_a_stalled_store_fails_in_time(
    stalled: str, use_store: Callable[..., None], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(s3, "READ_TIMEOUT_S", 0.2)
    use_store("files", stalled)
    started = time.monotonic()

    with pytest.raises(StorageUnavailable):
        storages["uploads"].open("a")
    with pytest.raises(StorageUnavailable):
        storages["uploads"].save("a", ContentFile(TEXT))

    assert time.monotonic() - started < 10


def test_an_object_that_arrives_too_slowly_is_given_up(
    stored: Any, monkeypatch: pytest.MonkeyPatch
) -> None:
    storages["uploads"].save("a", ContentFile(TEXT))
    monkeypatch.setattr(s3, "TRANSFER_TIMEOUT_S", -1.0)

    with pytest.raises(StorageUnavailable, match="takes more than"):
        storages["uploads"].open("a")


def test_a_slow_store_leaves_threads_for_reads(
    stored: Any,
    api: APIClient,
    ann: User,
    monkeypatch: pytest.MonkeyPatch,
    make_comics: Callable[..., Any],
    upload_panel: Callable[..., Any],
) -> None:
    [comic] = make_comics(owner=ann)
    url = upload_panel(comic).json()["image_url"]
    full = Bulkhead(1)
    full.enter()
    monkeypatch.setattr(s3, "_waiting", lambda: full)

    response = api.get(url)

    assert response.status_code == 503
    assert response["Retry-After"] == "2"
