"""Private rows stay unknown, also by indirect ways."""

from __future__ import annotations

from typing import Any
from urllib.parse import parse_qs, urlsplit

import pytest
from django.core.files.uploadedfile import SimpleUploadedFile
from rest_framework.test import APIClient

from tests.users.conftest import USERS

pytestmark = [pytest.mark.django_db, pytest.mark.usefixtures("one_request_id")]

NOVELS = "/api/v1/novels/"
TEXT = b"CHAPTER I\n\nIt was a whale of a book, and it went on and on.\n" * 20


@pytest.fixture
def secret(make_user: Any, make_novels: Any, make_chapters: Any) -> Any:
    """A private novel of Ann's with a word that occurs nowhere else."""
    novel = make_novels(owner=make_user("ann"), is_public=False, title="Zyzzyva")[0]
    make_chapters(novel, "The zyzzyva sleeps.")
    return novel


@pytest.mark.parametrize("query", ["q=zyzzyva", "q=zyzzyva&kind=chapter", "q=zyzzyva&scope=mine"])
def test_search_finds_private_texts_for_their_owner_alone(
    secret: Any, make_user: Any, as_user: Any, api: APIClient, query: Any
) -> None:
    url = f"/api/v1/search/?{query}"
    bob = as_user(make_user("bob"))

    assert bob.get(url).json()["results"] == []
    assert "zyzzyva" not in api.get(url).content.decode().lower()
    assert as_user(secret.owner).get("/api/v1/search/?q=zyzzyva&scope=mine").json()["results"]


def test_a_cursor_of_one_user_shows_another_user_nothing(
    make_user: Any, make_novels: Any, as_user: Any
) -> None:
    ann, bob = make_user("ann"), make_user("bob")
    make_novels(3, owner=ann, is_public=False)
    url = f"{NOVELS}?owner=me&page_size=1"
    own = as_user(ann).get(url).json()["next"]
    cursor = parse_qs(urlsplit(own).query)["cursor"][0]

    assert as_user(ann).get(f"{url}&cursor={cursor}").status_code == 200
    assert as_user(bob).get(f"{url}&cursor={cursor}").status_code == 400
    assert as_user(bob).get(f"{NOVELS}?page_size=1&cursor={cursor}").status_code == 400


@pytest.mark.parametrize("path", ["", "chapters/", "chapters/1/", "status/"])
def test_the_response_is_the_same_for_a_private_and_an_absent_novel(
    secret: Any, make_user: Any, as_user: Any, api: APIClient, path: Any
) -> None:
    for client in (as_user(make_user("bob")), api):
        there = client.get(f"{NOVELS}{secret.pk}/{path}")
        missing = client.get(f"{NOVELS}{secret.pk + 1000}/{path}")
        assert (there.status_code, there.content) == (404, missing.content)
        assert there.headers.get("ETag") == missing.headers.get("ETag")


def test_an_etag_of_the_owners_opens_nothing_to_others(
    secret: Any, make_user: Any, as_user: Any
) -> None:
    url = f"{NOVELS}{secret.pk}/"
    answer = as_user(secret.owner).get(url)

    assert answer.headers["Cache-Control"].startswith("private")
    again = as_user(make_user("bob")).get(url, headers={"If-None-Match": answer.headers["ETag"]})
    assert again.status_code == 404


def test_another_owner_may_upload_the_same_file_and_learns_nothing(
    make_user: Any, as_user: Any
) -> None:
    def upload(client: Any) -> Any:
        return client.post(NOVELS, {"file": SimpleUploadedFile("a.txt", TEXT)}, format="multipart")

    ann, bob = as_user(make_user("ann")), as_user(make_user("bob"))

    assert upload(ann).status_code == 201
    assert upload(bob).status_code == 201
    assert upload(ann).status_code == 409


def test_a_dashboard_counts_ones_own_rows_only(secret: Any, make_user: Any, as_user: Any) -> None:
    totals = as_user(make_user("bob")).get("/api/v1/users/me/dashboard/").json()["totals"]

    assert set(totals.values()) == {0}


@pytest.mark.parametrize("filters", ["owner={owner}", "author=Somebody", ""])
def test_lists_leave_private_novels_out(secret: Any, api: APIClient, filters: Any) -> None:
    url = f"{NOVELS}?{filters.format(owner=secret.owner_id)}"

    assert api.get(url).json()["results"] == []


def test_a_private_comics_novel_is_not_named_to_readers(
    secret: Any, make_user: Any, as_user: Any
) -> None:
    bob = as_user(make_user("bob"))

    given = bob.post("/api/v1/comics/", {"title": "Mine", "novel": secret.pk})
    missing = bob.post("/api/v1/comics/", {"title": "Mine", "novel": secret.pk + 1000})

    assert given.status_code == missing.status_code == 400
    assert given.json()["errors"] == missing.json()["errors"]


def test_a_refused_registration_tells_that_the_address_is_taken_and_no_more(
    make_user: Any, api: APIClient
) -> None:
    """This much cannot be avoided without sending e-mail (docs/security.md)."""
    ann = make_user("ann", display_name="Annabel", bio="Secret.")

    answer = api.post(
        USERS, {"email": ann.email, "password": "quite new words", "display_name": "X"}
    )

    assert answer.status_code == 400
    for known in ("Annabel", "Secret", str(ann.pk) + '"', "users_user"):
        assert known not in answer.content.decode()
