"""POST /novels/{id}/parse/: the owner lets a file be parsed again."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import pytest
from django.core.files.uploadedfile import SimpleUploadedFile
from django.core.management import call_command
from django_tasks_db.models import DBTaskResult
from pytest_django import Settings
from rest_framework.test import APIClient

from morpheus.db.transactions import write_transaction
from novels.models import Novel, NovelUpload, ProcessingStatus
from novels.parsing import ParsedChapter, ParsedNovel, ParseError
from novels.services.processing import status_advance
from novels.services.uploads import novel_parse_again
from tests.conftest import as_staff
from tests.visitor import counted_queries
from users.models import User

pytestmark = pytest.mark.django_db(transaction=True)

TEXT = b"CHAPTER I. The start\n\nIt began.\n\nCHAPTER II. The end\n\nIt ended.\n"


@pytest.fixture
def client(as_user: Callable[..., APIClient], ann: User) -> APIClient:
    return as_user(ann)


@pytest.fixture
def novel(client: APIClient) -> str:
    """The URL of a public novel whose file was parsed."""
    form = {"file": SimpleUploadedFile("tale.txt", TEXT), "visibility": "public"}
    response = client.post("/api/v1/novels/", form, format="multipart")
    assert response.status_code == 201, response.json()
    call_command("worker", batch=True)
    return f"/api/v1/novels/{response.json()['id']}/"


def count_queued() -> int:
    return DBTaskResult.objects.ready().count()


def let_parser_find(monkeypatch: pytest.MonkeyPatch, *titles: str) -> None:
    """Replace the parser by another one."""
    chapters = tuple(ParsedChapter(title, "Better.") for title in titles)
    monkeypatch.setattr(
        "novels.services.processing.parse_novel",
        lambda *args, **options: ParsedNovel("T", "A", "en", chapters),
    )


def list_titles(client: APIClient, novel: str) -> list[str]:
    return [chapter["title"] for chapter in client.get(f"{novel}chapters/").json()["results"]]


def test_a_better_parser_replaces_the_chapters(
    api: APIClient, client: APIClient, novel: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    client.patch(novel, {"title": "Mine", "author": "Me"})
    before = list_titles(api, novel)
    card = api.get(novel).json()
    assert api.get(f"{novel}status/").json()["state"] == "completed"

    response = client.post(f"{novel}parse/")

    assert response.status_code == 202
    assert response.json()["state"] == "pending"
    assert response["Location"] == f"http://testserver{novel}status/"
    assert api.get(response["Location"]).json() == response.json()
    assert list_titles(api, novel) == before
    assert api.get(f"{novel}chapters/2/").json()["content"] == "It ended."
    let_parser_find(monkeypatch, "One", "Two", "Three")
    call_command("worker", batch=True)
    assert list_titles(api, novel) == ["One", "Two", "Three"]
    assert api.get(f"{novel}chapters/2/").json()["content"] == "Better."
    after = api.get(novel).json()
    assert (after["title"], after["author"], after["id"]) == ("Mine", "Me", card["id"])
    assert after["chapter_count"] == 3
    assert api.get(f"{novel}status/").json()["state"] == "completed"


def test_a_failed_import_is_tried_again_and_a_new_failure_keeps_the_chapters(
    api: APIClient, client: APIClient, novel: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    before = list_titles(api, novel)

    def refuse(*args: Any, **options: Any) -> Any:
        raise ParseError("drm", "No.")

    with monkeypatch.context() as patch:
        patch.setattr("novels.services.processing.parse_novel", refuse)
        client.post(f"{novel}parse/")
        call_command("worker", batch=True)
    status = api.get(f"{novel}status/").json()
    assert status["state"] == "failed"
    assert list_titles(api, novel) == before

    response = client.post(f"{novel}parse/")

    assert (response.status_code, response.json()["message"]) == (202, "")
    call_command("worker", batch=True)
    assert api.get(f"{novel}status/").json()["state"] == "completed"
    assert list_titles(api, novel) == before


def test_while_a_parse_is_queued_or_running_another_one_changes_nothing(
    client: APIClient, ann: User, novel: str
) -> None:
    first = client.post(f"{novel}parse/").json()
    assert count_queued() == 1

    assert client.post(f"{novel}parse/").json() == first
    status_advance(novel_id=first["novel"], owner_id=ann.pk, stage="reading", progress=7)
    response = client.post(f"{novel}parse/")

    assert (response.status_code, count_queued()) == (202, 1)
    assert (response.json()["state"], response.json()["progress"]) == ("processing", 7)
    assert client.get(f"{novel}status/").json() == response.json()


def test_a_novel_without_a_file_is_409(
    client: APIClient, ann: User, make_novels: Callable[..., list[Any]]
) -> None:
    (novel,) = make_novels(owner=ann)

    response = client.post(f"/api/v1/novels/{novel.pk}/parse/")

    assert response.status_code == 409
    assert "no uploaded file" in response.json()["detail"]
    assert ProcessingStatus.objects.get(pk=novel.pk).state == "completed"


def test_it_takes_no_fields_and_no_file(client: APIClient, novel: str) -> None:
    form = {"file": SimpleUploadedFile("other.txt", TEXT)}

    assert client.post(f"{novel}parse/", form, format="multipart").status_code == 415
    assert client.post(f"{novel}parse/", {"title": "New"}).status_code == 400
    assert client.post(f"{novel}parse/?force=1").status_code == 400
    assert count_queued() == 0


def test_only_the_owner_may(
    api: APIClient,
    client: APIClient,
    as_user: Callable[..., APIClient],
    make_user: Callable[..., User],
    novel: str,
) -> None:
    ben = as_user(make_user("ben"))

    assert api.post(f"{novel}parse/").status_code == 401
    assert ben.post(f"{novel}parse/").status_code == 403
    client.patch(novel, {"visibility": "private"})
    assert ben.post(f"{novel}parse/").status_code == 404
    assert client.post(f"/api/v1/novels/{10**30}/parse/").status_code == 404
    assert client.get(f"{novel}parse/").status_code == 405
    assert count_queued() == 0


def test_row_level_security_alone_refuses_others(
    ann: User, make_user: Callable[..., User], novel: str
) -> None:
    pk = int(novel.split("/")[-2])

    with write_transaction(as_user=make_user("ben").pk), pytest.raises(Novel.DoesNotExist):
        novel_parse_again(novel_id=pk, owner_id=ann.pk)

    assert count_queued() == 0


def test_parses_are_limited(client: APIClient, novel: str, settings: Settings) -> None:
    settings.MORPHEUS_THROTTLE_RATES = settings.MORPHEUS_THROTTLE_RATES | {"parse": (2, 86_400)}
    statuses = [client.post(f"{novel}parse/").status_code for _ in range(3)]

    assert statuses == [202, 202, 429]
    assert client.patch(novel, {"title": "Other"}).status_code == 200


def test_the_quota_is_not_touched(client: APIClient, novel: str, settings: Settings) -> None:
    usage = client.get("/api/v1/users/me/").json()["usage"]
    settings.MORPHEUS_QUOTA_NOVELS = settings.MORPHEUS_QUOTA_BYTES = 1

    assert client.post(f"{novel}parse/").status_code == 202

    again = client.get("/api/v1/users/me/").json()["usage"]
    assert (again["novels"], again["bytes"]) == (usage["novels"], usage["bytes"])
    with as_staff():
        assert NovelUpload.objects.count() == 1


def test_it_costs_the_same_however_long_the_novel_is(client: APIClient, novel: str) -> None:
    with counted_queries() as seen:
        client.post(f"{novel}parse/")

    # Two of them find token and user.
    assert len(seen.sql) <= 8, "\n".join(seen.sql)
