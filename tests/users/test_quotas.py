"""Quotas of what users keep, and the usage in their profile."""

from __future__ import annotations

import threading
from collections.abc import Callable
from io import BytesIO
from typing import Any

import pytest
from django.core.files.uploadedfile import SimpleUploadedFile
from django.db import connection
from PIL import Image
from pytest_django import Settings
from rest_framework.test import APIClient

from tests.users.conftest import ME
from users.models import User

NOVELS = "/api/v1/novels/"


@pytest.fixture
def client(as_user: Callable[..., APIClient], ann: User) -> APIClient:
    return as_user(ann)


def text(number: int, size: int = 200) -> Any:
    return (f"CHAPTER {number}\n\n" + "word " * size).encode()


def upload(client: APIClient, content: Any, name: str = "tale.txt") -> Any:
    return client.post(NOVELS, {"file": SimpleUploadedFile(name, content)}, format="multipart")


def picture(shade: Any, width: int = 200) -> Any:
    out = BytesIO()
    Image.effect_noise((width, width), 50 + shade).save(out, "PNG")
    return out.getvalue()


def add_panel(client: APIClient, comic_id: int, data: Any) -> Any:
    form = {"image": SimpleUploadedFile("page.png", data)}
    return client.post(f"/api/v1/comics/{comic_id}/panels/", form, format="multipart")


def usage(client: APIClient) -> Any:
    return client.get(ME).json()["usage"]


@pytest.mark.django_db(transaction=True)
def test_the_profile_follows_uploads_and_deletions(client: APIClient, settings: Settings) -> None:
    settings.MORPHEUS_QUOTA_NOVELS, settings.MORPHEUS_QUOTA_BYTES = 5, 1024 * 1024
    assert usage(client) == {
        "novels": 0,
        "novels_limit": 5,
        "bytes": 0,
        "bytes_limit": 1024 * 1024,
    }

    novel = upload(client, text(1)).json()
    assert (usage(client)["novels"], usage(client)["bytes"]) == (1, len(text(1)))

    comic = client.post("/api/v1/comics/", {"title": "A comic"}, format="json").json()
    page = picture(1)
    for _ in range(2):
        assert add_panel(client, comic["id"], page).status_code == 201
    assert usage(client)["bytes"] == len(text(1)) + 2 * len(page)

    client.delete(f"{NOVELS}{novel['id']}/")
    assert (usage(client)["novels"], usage(client)["bytes"]) == (0, 2 * len(page))
    client.delete(f"/api/v1/comics/{comic['id']}/")
    assert usage(client)["bytes"] == 0


@pytest.mark.django_db
def test_without_a_quota_the_limits_are_null(client: APIClient, settings: Settings) -> None:
    settings.MORPHEUS_QUOTA_NOVELS = settings.MORPHEUS_QUOTA_BYTES = 0

    assert upload(client, text(1)).status_code == 201
    counts = usage(client)

    assert counts["novels"] == 1
    assert counts["novels_limit"] is None and counts["bytes_limit"] is None


@pytest.mark.django_db
def test_a_novel_over_the_quota_is_refused_with_advice(
    client: APIClient, settings: Settings
) -> None:
    settings.MORPHEUS_QUOTA_NOVELS = 1
    assert upload(client, text(1)).status_code == 201

    response = upload(client, text(2))

    assert response.status_code == 403
    assert response["Content-Type"] == "application/problem+json"
    assert response.json()["detail"] == "You have 1 of 1 novels. Delete one first."
    assert usage(client)["novels"] == 1


@pytest.mark.django_db
def test_a_file_over_the_quota_of_bytes_is_refused_and_not_stored(
    client: APIClient, settings: Settings
) -> None:
    from tests.novels.views.test_uploads import stored_files

    settings.MORPHEUS_QUOTA_BYTES = 3 * 1024 * 1024
    assert upload(client, text(1, 400_000)).status_code == 201
    before = stored_files()

    response = upload(client, text(2, 400_000))

    assert response.status_code == 403
    assert response.json()["detail"] == (
        "This file has 1.9 MB, and you use 1.9 of 3.0 MB. Delete novels or comics first."
    )
    assert stored_files() == before
    assert usage(client)["novels"] == 1


@pytest.mark.django_db
def test_panels_and_novels_share_the_quota_of_bytes(client: APIClient, settings: Settings) -> None:
    comic = client.post("/api/v1/comics/", {"title": "A comic"}, format="json").json()
    page = picture(1)
    settings.MORPHEUS_QUOTA_BYTES = int(1.5 * len(page))
    assert add_panel(client, comic["id"], page).status_code == 201

    assert add_panel(client, comic["id"], picture(2)).status_code == 403
    assert upload(client, text(1, len(page) // 5)).status_code == 403

    assert client.get(f"/api/v1/comics/{comic['id']}/").json()["panel_count"] == 1
    assert usage(client)["bytes"] == len(page)


@pytest.mark.django_db
def test_another_users_quota_is_their_own(
    client: APIClient,
    as_user: Callable[..., APIClient],
    make_user: Callable[..., Any],
    settings: Settings,
) -> None:
    settings.MORPHEUS_QUOTA_NOVELS = 1
    assert upload(client, text(1)).status_code == 201

    assert upload(as_user(make_user("bob")), text(1)).status_code == 201


@pytest.mark.django_db(transaction=True)
def test_uploads_at_once_do_not_exceed_the_quota_together(
    ann: User, as_user: Callable[..., APIClient], settings: Settings
) -> None:
    settings.MORPHEUS_QUOTA_NOVELS = 3
    page = picture(1)
    settings.MORPHEUS_QUOTA_BYTES = 3 * len(text(1)) + int(2.5 * len(page))
    clients = [as_user(ann) for _ in range(8)]
    comics = [
        clients[0].post("/api/v1/comics/", {"title": "A comic"}, format="json").json()["id"]
        for _ in range(4)
    ]
    barrier, statuses = threading.Barrier(8), []

    def send(number: int) -> None:
        try:
            barrier.wait()
            if number < 4:
                response = upload(clients[number], text(number))
            else:
                response = add_panel(clients[number], comics[number - 4], page)
            statuses.append(response.status_code)
        finally:
            connection.close()

    threads = [threading.Thread(target=send, args=[number]) for number in range(8)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()

    used = usage(clients[0])
    assert set(statuses) == {201, 403}
    assert used["novels"] <= 3 and used["bytes"] <= settings.MORPHEUS_QUOTA_BYTES
    assert used["novels"] == 3 or used["bytes"] + len(page) > settings.MORPHEUS_QUOTA_BYTES
