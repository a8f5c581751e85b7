"""Uploads and images in an object store, from the upload to the deletion."""

from __future__ import annotations

from collections.abc import Callable
from datetime import timedelta
from hashlib import sha256
from io import BytesIO
from typing import Any
from urllib.error import HTTPError
from urllib.request import urlopen
from zipfile import ZipFile

import pytest
from django.conf import settings as current_settings
from django.core.files.storage import storages
from pytest_django import Settings
from rest_framework.test import APIClient

from comics.images.decoding import picture_read
from comics.models import Image, Panel
from comics.services.comics import comic_delete
from comics.services.images import image_files_delete_stray, picture_stored
from comics.services.panels import panel_add
from morpheus.db.transactions import write_transaction
from morpheus.http.disk_space import has_free_space, update_disk_metrics
from morpheus.management.stored_files import find_folders, list_object_stores
from morpheus.worker.loop import Worker
from novels.services.uploads import upload_files_delete_stray
from users.models import User

pytestmark = pytest.mark.django_db(transaction=True)

Stored = Callable[[], set[str]]


def body(response: Any) -> bytes:
    return b"".join(response.streaming_content) if response.streaming else response.content


def test_an_upload_is_parsed_by_a_worker_without_a_shared_folder(
    stored: Stored, calls: list[str], client: APIClient, upload_novel: Callable[..., Any]
) -> None:
    response = upload_novel()
    assert response.status_code == 201
    [key] = stored()
    assert key.startswith("morpheus/uploads/novels/")
    url = response["Location"]

    Worker(interval_s=0.05).drain()

    assert client.get(f"{url}status/").json()["state"] == "completed"
    assert client.get(url).json()["chapter_count"] == 2
    assert calls == ["PutObject", "GetObject"]
    assert client.delete(url).status_code == 204
    assert stored() == set()


def test_images_and_thumbnails_are_served_as_from_a_folder(
    stored: Stored,
    calls: list[str],
    api: APIClient,
    client: APIClient,
    ann: User,
    make_comics: Callable[..., Any],
    make_picture: Callable[..., bytes],
    upload_panel: Callable[..., Any],
) -> None:
    [comic] = make_comics(owner=ann)
    data = make_picture(700, 900)

    url = upload_panel(comic, data).json()["image_url"]
    image = api.get(url)
    assert body(image) == data
    thumbnail_url = api.get(f"/api/v1/comics/{comic.pk}/").json()["thumbnail_url"]
    thumbnails = [api.get(thumbnail_url) for _ in range(2)]

    assert image["Content-Type"] == "image/png"
    assert image["Content-Length"] == str(len(data))
    assert image["ETag"] == f'"{sha256(data).hexdigest()}"'
    assert image["Cache-Control"] == "public, max-age=31536000, immutable"
    assert image["X-Content-Type-Options"] == "nosniff"
    assert thumbnails[0]["Content-Type"] == "image/webp"
    assert thumbnails[0].content == thumbnails[1].content
    assert calls == ["PutObject", "GetObject", "GetObject", "PutObject", "GetObject", "GetObject"]
    assert {key.rpartition(".")[2] for key in stored()} == {"png", "webp"}
    assert all(key.startswith("morpheus/images/") for key in stored())
    not_modified = api.get(url, headers={"If-None-Match": image["ETag"]})
    assert (not_modified.status_code, len(calls)) == (304, 6)


def test_a_private_image_is_closed_to_all_but_its_owner(
    stored: Stored,
    bucket: Any,
    endpoint: str,
    api: APIClient,
    client: APIClient,
    ann: User,
    make_comics: Callable[..., Any],
    upload_panel: Callable[..., Any],
) -> None:
    [comic] = make_comics(owner=ann, is_public=False)
    url = upload_panel(comic).json()["image_url"]

    response = client.get(url)
    body(response)

    assert response["Cache-Control"] == "private, max-age=31536000, immutable"
    assert api.get(url).status_code == 404
    [key] = stored()
    with pytest.raises(HTTPError, match="403") as refused:
        urlopen(f"{endpoint}/{bucket.name}/{key}")  # noqa: S310
    refused.value.close()


@pytest.mark.parametrize("is_public", [True, False])
def test_a_redirect_leads_to_a_signed_address_that_expires(
    stored: Stored,
    api: APIClient,
    client: APIClient,
    ann: User,
    settings: Settings,
    make_comics: Callable[..., Any],
    make_picture: Callable[..., bytes],
    upload_panel: Callable[..., Any],
    is_public: bool,
) -> None:
    [comic] = make_comics(owner=ann, is_public=is_public)
    data = make_picture(700, 900)
    url = upload_panel(comic, data).json()["image_url"]
    settings.MORPHEUS_IMAGE_URL_TTL_S = 300

    response = client.get(url)

    assert response.status_code == 302
    # A copy of the redirect must not be renewed: its address expires.
    assert not response.has_header("ETag")
    scope = "public" if is_public else "private"
    assert response["Cache-Control"] == f"{scope}, max-age=150"
    assert "X-Amz-Expires=300" in response["Location"]
    with urlopen(response["Location"]) as signed:  # noqa: S310
        assert signed.read() == data
        assert signed.headers["Content-Type"] == "image/png"
        assert "immutable" in signed.headers["Cache-Control"]
    assert api.get(url).status_code == (302 if is_public else 404)
    digest = sha256(data).hexdigest()
    assert client.get(url, headers={"If-None-Match": f'"{digest}"'}).status_code == 304


def test_one_picture_is_one_object_and_goes_with_its_last_panel(
    stored: Stored,
    calls: list[str],
    client: APIClient,
    ann: User,
    make_comics: Callable[..., Any],
    make_picture: Callable[..., bytes],
    upload_panel: Callable[..., Any],
) -> None:
    first, second = make_comics(2, owner=ann)
    data = make_picture(700, 900)

    assert [upload_panel(comic, data).status_code for comic in (first, second)] == [201, 201]
    client.get(f"/api/v1/comics/{first.pk}/thumbnail/")

    assert len(stored()) == 2
    assert client.delete(f"/api/v1/comics/{first.pk}/").status_code == 204
    assert len(stored()) == 2
    assert client.delete(f"/api/v1/comics/{second.pk}/").status_code == 204
    assert stored() == set()
    # The second upload's own object, and all objects of the image together.
    assert calls.count("DeleteObjects") == 2


def test_an_upload_during_the_deletion_of_the_same_picture_keeps_its_object(
    stored: Stored,
    ann: User,
    make_comics: Callable[..., Any],
    make_picture: Callable[..., bytes],
    upload_panel: Callable[..., Any],
) -> None:
    old, new = make_comics(2, owner=ann)
    data = make_picture()
    upload_panel(old, data)
    picture = picture_read(data)

    with picture_stored(picture) as generation:
        with write_transaction(as_user=ann.pk):
            comic_delete(comic_id=old.pk)
        with write_transaction(as_user=ann.pk):
            panel_add(comic_id=new.pk, picture=picture, generation=generation)

    image = Image.objects.get()
    assert image.generation == generation
    [key] = stored()
    assert generation in key


def test_a_refused_upload_leaves_no_object(
    stored: Stored,
    settings: Settings,
    ann: User,
    make_comics: Callable[..., Any],
    upload_novel: Callable[..., Any],
    upload_panel: Callable[..., Any],
) -> None:
    [comic] = make_comics(owner=ann)
    settings.MORPHEUS_QUOTA_BYTES = 1

    assert upload_novel().status_code == 403
    assert upload_panel(comic).status_code == 403

    assert stored() == set()
    assert not Image.objects.exists()


def test_housekeeping_deletes_old_objects_without_a_row(
    stored: Stored,
    bucket: Any,
    ann: User,
    monkeypatch: pytest.MonkeyPatch,
    make_comics: Callable[..., Any],
    upload_novel: Callable[..., Any],
    upload_panel: Callable[..., Any],
) -> None:
    [comic] = make_comics(owner=ann)
    upload_novel()
    upload_panel(comic)
    kept = stored()
    [image] = Image.objects.all()
    name = f"{image.digest[:2]}/{image.digest}"
    strays = [
        f"morpheus/images/{name}.{image.generation}.small.webp",
        f"morpheus/images/{name}.{'0' * 32}.png",
        f"morpheus/images/{name}.png",
        f"morpheus/uploads/novels/ab/{'a' * 32}.txt",
    ]
    for key in strays:
        bucket.put_object(Key=key, Body=b"x")

    assert image_files_delete_stray() + upload_files_delete_stray() == 0
    monkeypatch.setattr("morpheus.worker.housekeeping.FILE_AGE", timedelta(seconds=-60))
    assert (image_files_delete_stray(), upload_files_delete_stray()) == (3, 1)

    assert stored() == kept


def test_files_that_were_copied_from_a_folder_are_found(
    bucket: Any,
    endpoint: str,
    use_store: Callable[..., None],
    api: APIClient,
    ann: User,
    make_comics: Callable[..., Any],
    upload_panel: Callable[..., Any],
) -> None:
    [comic] = make_comics(owner=ann)
    url = upload_panel(comic).json()["image_url"]
    image = Panel.objects.get().image
    data = body(api.get(url))
    bucket.put_object(Key=f"morpheus/images/{image.digest[:2]}/{image.digest}.png", Body=data)
    assert image.generation == ""

    use_store(bucket.name, endpoint)

    assert body(api.get(url)) == data


def test_no_folder_is_watched_or_backed_up(stored: Stored) -> None:
    update_disk_metrics()

    assert has_free_space()
    assert find_folders() == {}
    assert [line.partition(":")[0] for line in list_object_stores()] == ["uploads", "images"]


def test_an_address_of_another_kind_is_refused() -> None:
    from django.core.exceptions import ImproperlyConfigured

    from morpheus.settings.files import _object_store

    options = _object_store("s3://files/a/b?endpoint=http://minio:9000", "images")["OPTIONS"]
    assert (options["bucket_name"], options["location"]) == ("files", "a/b/images")
    assert options["endpoint_url"] == "http://minio:9000"
    for url in (
        "files",
        "http://files",
        "s3:///a",
        "s3://key:secret@files",
        "s3://files?acl=public",
    ):
        with pytest.raises(ImproperlyConfigured, match="must be s3://"):
            _object_store(url, "images")
    assert "s3" not in current_settings.STORAGES["uploads"]["BACKEND"]
    assert storages["uploads"].path("")


def test_an_export_is_downloaded_from_a_signed_address(
    stored: Stored, api: APIClient, client: APIClient, upload_novel: Callable[..., Any]
) -> None:
    upload_novel()
    location = client.post("/api/v1/users/me/exports/")["Location"]
    Worker(interval_s=0.05).drain()
    assert client.get(location).json()["state"] == "completed"

    response = client.get(f"{location}file/")

    assert (response.status_code, response["Cache-Control"]) == (302, "private, no-store")
    with urlopen(response["Location"]) as signed:  # noqa: S310
        archive = ZipFile(BytesIO(signed.read()))
        assert "morpheus-export.zip" in signed.headers["Content-Disposition"]
    assert [name for name in archive.namelist() if name.endswith("/upload.txt")]
    assert api.get(f"{location}file/").status_code == 401
    client.post("/api/v1/users/me/exports/")
    assert not [key for key in stored() if key.startswith("morpheus/exports/")]
