"""DELETE /users/me/: the credentials end at once, everything else by the worker."""

from __future__ import annotations

from collections.abc import Callable
from datetime import timedelta
from pathlib import Path
from typing import Any

import pytest
from django.conf import settings as django_settings
from django.contrib.auth.models import Group
from django.core.files.uploadedfile import SimpleUploadedFile
from django.db import connection
from django.utils import timezone
from django_tasks_db.models import DBTaskResult
from pytest_django import Settings
from rest_framework.test import APIClient

from comics.models import Comic, Image
from morpheus.db.transactions import write_transaction
from novels.models import Novel
from tests.comics.conftest import add_panel, make_comics, make_picture  # noqa: F401
from tests.conftest import PASSWORD, as_staff
from tests.factories import secret_of
from tests.users.conftest import LOGIN, ME, TOKEN, USERS, run_tasks
from tests.visitor import Visitor
from users.account_parts import account_parts
from users.models import AccountDeletion, AccountExport, PublicUser, User
from users.services.accounts import account_delete, accounts_delete_requested

pytestmark = pytest.mark.django_db(transaction=True)

BODY = {"current_password": PASSWORD}
TEXT = b"CHAPTER I. The start\n\nIt began.\n\nCHAPTER II. The end\n\nIt ended.\n"


@pytest.fixture(autouse=True)
def own_files(tmp_path: Path, settings: Settings) -> Path:
    """Give the test storages of its own."""
    for alias in ("uploads", "images", "exports"):
        own = settings.STORAGES[alias] | {"OPTIONS": {"location": tmp_path / alias}}
        settings.STORAGES = settings.STORAGES | {alias: own}
    return tmp_path


@pytest.fixture
def ann(make_user: Callable[..., Any]) -> Any:
    return make_user("ann", bio="Secret.")


@pytest.fixture
def client(as_user: Callable[..., APIClient], ann: Any) -> APIClient:
    return as_user(ann)


def list_files(folder: Path) -> list[Path]:
    return [path for path in folder.rglob("*") if path.is_file()]


def upload_novel(client: APIClient) -> int:
    body = {"file": SimpleUploadedFile("tale.txt", TEXT)}
    return int(client.post("/api/v1/novels/", body, format="multipart").json()["id"])


def test_everything_of_the_user_is_deleted_and_nothing_of_others(
    client: APIClient,
    ann: Any,
    own_files: Path,
    make_user: Callable[..., Any],
    as_user: Callable[..., APIClient],
    make_comics: Callable[..., list[Any]],  # noqa: F811
    add_panel: Callable[..., Any],  # noqa: F811
    make_picture: Callable[..., bytes],  # noqa: F811
) -> None:
    bob = make_user("bob")
    shared = make_picture()
    bobs = as_user(bob)
    kept = upload_novel(bobs)
    for owner in (ann, bob):
        for comic in make_comics(2, owner=owner):
            add_panel(comic, shared)
            add_panel(comic)
    upload_novel(client)
    client.post("/api/v1/users/me/exports/")
    with as_staff():
        ann.groups.add(Group.objects.create(name="Readers"))
    run_tasks()
    assert len(list_files(own_files / "exports")) == 1

    response = client.delete(ME, BODY)

    assert (response.status_code, response.content) == (202, b"")
    run_tasks()
    with as_staff():
        assert [*User.objects.values_list("pk", flat=True)] == [bob.pk]
        assert [*Novel.objects.values_list("pk", flat=True)] == [kept]
        assert {comic.owner_id for comic in Comic.objects.all()} == {bob.pk}
        # Bob's two, and the one that both showed.
        assert Image.objects.count() == 3
        assert not AccountDeletion.objects.exists() and not AccountExport.objects.exists()
    files = [path.parent.parent.name for path in list_files(own_files / "images")]
    assert len(files) == 3
    assert len(list_files(own_files / "uploads")) == 1
    assert list_files(own_files / "exports") == []
    assert bobs.get(f"/api/v1/novels/{kept}/").status_code == 200
    assert [row.status for row in DBTaskResult.objects.all()].count("FAILED") == 0


@pytest.mark.parametrize("kind", ["token", "session"])
def test_credentials_end_with_the_response_also_in_the_cache(
    client: APIClient, browser: APIClient, ann: Any, visitor: Visitor, kind: str
) -> None:
    browser.post(LOGIN, {"email": ann.email, "password": PASSWORD})
    credentials = {
        "token": {"HTTP_AUTHORIZATION": f"Bearer {secret_of(client)}"},
        "session": {"HTTP_COOKIE": f"sessionid={browser.cookies['sessionid'].value}"},
    }[kind]
    assert [visitor.get(ME, **credentials).status for _ in range(2)] == [200, 200]
    csrf = browser.cookies[django_settings.CSRF_COOKIE_NAME].value

    if kind == "token":
        assert client.delete(ME, BODY).status_code == 202
    else:
        assert browser.delete(ME, BODY, HTTP_X_CSRFTOKEN=csrf).status_code == 202

    assert [visitor.get(ME, **credentials).status for _ in range(2)] == [401, 401]
    assert client.post(TOKEN, {"email": ann.email, "password": PASSWORD}).status_code == 401


def test_personal_columns_are_empty_at_once_and_the_address_is_free(
    client: APIClient, api: APIClient, ann: Any
) -> None:
    client.delete(ME, BODY)

    with as_staff():
        row = User.objects.values().get(pk=ann.pk)
    assert "ann" not in str([row["email"], row["display_name"], row["bio"]]).lower()
    assert PublicUser.objects.get(pk=ann.pk).display_name == "Deleted user"
    again = {"email": ann.email, "password": PASSWORD, "display_name": "Ann"}
    assert api.post(USERS, again).status_code == 201
    run_tasks()
    assert api.post(TOKEN, {"email": ann.email, "password": PASSWORD}).status_code == 200


@pytest.mark.parametrize(
    ("body", "status"),
    [
        ({"current_password": "wrong"}, 400),
        ({"current_password": None}, 400),
        ({}, 400),
        ([], 400),
        ("text", 400),
        (None, 400),
    ],
)
def test_without_the_password_nothing_is_deleted(
    client: APIClient, ann: Any, body: Any, status: int
) -> None:
    assert client.delete(ME, body).status_code == status

    assert client.get(ME).status_code == 200
    with as_staff():
        assert not AccountDeletion.objects.exists()


def test_anonymous_callers_are_401_and_staff_403(
    api: APIClient, make_user: Callable[..., Any], as_user: Callable[..., APIClient]
) -> None:
    root = as_user(make_user("root", is_staff=True, is_superuser=True))

    assert api.delete(ME, BODY).status_code == 401
    assert root.delete(ME, BODY).status_code == 403
    assert root.get(ME).status_code == 200


def test_each_item_is_deleted_in_a_transaction_of_its_own(
    client: APIClient, ann: Any, make_novels: Callable[..., Any], monkeypatch: pytest.MonkeyPatch
) -> None:
    make_novels(3, owner=ann)
    left: list[int] = []
    part = account_parts["novels"]

    def delete(user_id: int) -> bool:
        is_deleted = part.delete(user_id)
        assert not connection.in_atomic_block
        left.append(part.count(user_id))
        return is_deleted

    client.delete(ME, BODY)
    monkeypatch.setitem(
        account_parts, "novels", type(part)(count=part.count, export=part.export, delete=delete)
    )
    run_tasks()

    assert left == [2, 1, 0, 0]


def test_a_deletion_that_no_worker_finished_is_gone_on_with(
    client: APIClient, ann: Any, make_novels: Callable[..., Any]
) -> None:
    make_novels(2, owner=ann)
    client.delete(ME, BODY)
    DBTaskResult.objects.all().delete()
    assert accounts_delete_requested() == 0  # A worker may be at it.
    with as_staff():
        AccountDeletion.objects.update(requested_at=timezone.now() - timedelta(hours=2))

    assert accounts_delete_requested() == 1

    with as_staff():
        assert not User.objects.filter(pk=ann.pk).exists()
    account_delete(user_id=ann.pk)


def test_a_user_without_a_request_is_not_deleted(client: APIClient, ann: Any) -> None:
    account_delete(user_id=ann.pk)

    assert client.get(ME).status_code == 200


def test_row_level_security_alone_keeps_deletions_of_others(
    client: APIClient, ann: Any, make_user: Callable[..., Any]
) -> None:
    client.delete(ME, BODY)

    with write_transaction(as_user=make_user("bob").pk):
        assert not AccountDeletion.objects.exists()
        assert AccountDeletion.objects.all().delete()[0] == 0


def test_each_foreign_key_to_users_cascades_or_is_of_a_part(db: None) -> None:
    with connection.cursor() as cursor:
        cursor.execute(
            "SELECT conrelid::regclass::text FROM pg_constraint "
            "WHERE contype = 'f' AND confrelid = 'users_user'::regclass AND confdeltype <> 'c'"
        )
        kept = {table for (table,) in cursor.fetchall()}

    # Django deletes those of its own tables with the row; the parts delete novels and comics.
    assert kept == {
        *("comics_comic", "novels_novel", "novels_novelupload"),
        *("django_admin_log", "users_user_groups", "users_user_user_permissions"),
    }
