"""`Idempotency-Key`: a POST that is sent again writes nothing and gets the first response."""

from __future__ import annotations

import io
import threading
from concurrent.futures import ThreadPoolExecutor
from datetime import timedelta
from typing import Any

import pytest
from django.core.files.uploadedfile import SimpleUploadedFile
from django.db import connection, connections
from django.utils import timezone
from PIL import Image
from rest_framework.test import APIClient

from comics.models import Comic, Panel
from morpheus.api import idempotency
from morpheus.api.idempotency import TTL, delete_expired
from morpheus.api.models import IdempotentResponse
from morpheus.db.transactions import write_transaction
from novels.models import Novel
from tests.conftest import as_staff

pytestmark = pytest.mark.django_db(transaction=True)

COMICS, NOVELS = "/api/v1/comics/", "/api/v1/novels/"
TEXT = b"CHAPTER I. The start\n\nIt began.\n"


@pytest.fixture
def client(as_user: Any, ann: Any) -> APIClient:
    owner: APIClient = as_user(ann)
    return owner


def create(client: APIClient, key: str, title: str = "New") -> Any:
    return client.post(COMICS, {"title": title}, headers={"Idempotency-Key": key})


def upload(client: APIClient, key: str, content: bytes = TEXT, **fields: Any) -> Any:
    file = SimpleUploadedFile("a.txt", content)
    headers = {"Idempotency-Key": key}
    return client.post(NOVELS, {"file": file, **fields}, format="multipart", headers=headers)


def count(model: Any) -> int:
    with as_staff():
        return int(model.objects.count())


def picture() -> SimpleUploadedFile:
    file = io.BytesIO()
    Image.new("RGB", (4, 3), "navy").save(file, "PNG")
    return SimpleUploadedFile("p.png", file.getvalue())


def test_a_repeated_post_gets_the_first_response(client: APIClient) -> None:
    first, again = create(client, "one"), create(client, "one")
    quoted, other = create(client, '"one"'), create(client, "two")

    assert first.status_code == again.status_code == 201
    assert (first.content, first["Location"]) == (again.content, again["Location"])
    assert again["Content-Type"] == first["Content-Type"] == "application/json"
    assert (first.get("Idempotency-Replayed"), again["Idempotency-Replayed"]) == (None, "true")
    assert quoted.content == first.content and other.content != first.content
    assert count(Comic) == 2


def test_without_a_key_each_post_writes(client: APIClient) -> None:
    for _ in range(2):
        client.post(COMICS, {"title": "New"})

    assert (count(Comic), count(IdempotentResponse)) == (2, 0)


def test_another_request_with_the_key_is_refused(client: APIClient) -> None:
    create(client, "one")

    body = create(client, "one", title="Other")
    route = upload(client, "one")

    for response in (body, route):
        assert (response.status_code, response.json()["code"]) == (422, "idempotency_key_reused")
    assert (count(Comic), count(Novel)) == (1, 0)


def test_the_order_of_a_body_s_fields_is_nothing(client: APIClient) -> None:
    headers = {"Idempotency-Key": "one"}
    bodies = ['{"title": "A", "visibility": "public"}', '{"visibility":"public","title":"A"}']

    first, again = (
        client.post(COMICS, body, content_type="application/json", headers=headers)
        for body in bodies
    )

    assert first.content == again.content and count(Comic) == 1


def test_a_key_belongs_to_its_user(client: APIClient, as_user: Any, make_user: Any) -> None:
    bob = as_user(make_user("bob"))

    mine, theirs = create(client, "one"), create(bob, "one")

    assert mine.json()["id"] != theirs.json()["id"]
    assert "Idempotency-Replayed" not in theirs
    with write_transaction(as_user=make_user("carl").pk):
        assert not IdempotentResponse.objects.exists()


def test_a_refusal_is_not_stored(client: APIClient) -> None:
    refused = create(client, "one", title="")
    corrected = create(client, "one", title="New")

    assert (refused.status_code, corrected.status_code) == (400, 201)


@pytest.mark.parametrize("key", ["", " " * 300, "a" * 256, "ünïcode", 'a"b'])
def test_a_malformed_key_is_refused(client: APIClient, key: str) -> None:
    response = create(client, key)

    assert (response.status_code, response.json()["code"]) == (400, "idempotency_key_malformed")


def test_a_key_in_use_is_409_and_free_again_after_a_crash(client: APIClient, ann: Any) -> None:
    """The lock is the transaction's, so it ends with the connection."""
    locked, finish = threading.Event(), threading.Event()

    def hold() -> None:
        with write_transaction(as_user=ann.pk), connection.cursor() as cursor:
            cursor.execute(
                "SELECT pg_try_advisory_xact_lock(hashtextextended(%s, 0))",
                [idempotency.lock_name(ann.pk, "one")],
            )
            locked.set()
            finish.wait(20)
            # As if the server were killed.
            connection.connection.close()

    def run() -> None:
        try:
            hold()
        except Exception:  # noqa: S110 - the connection is gone
            pass
        finally:
            connections.close_all()

    thread = threading.Thread(target=run)
    thread.start()
    assert locked.wait(20)
    during = create(client, "one")
    finish.set()
    thread.join(20)

    assert (during.status_code, during.json()["code"]) == (409, "idempotency_key_in_use")
    assert during["Retry-After"] == "1"
    assert (create(client, "one").status_code, count(Comic)) == (201, 1)


@pytest.mark.parametrize("send", [create, upload])
def test_clients_that_race_with_one_key_write_one_row(as_user: Any, ann: Any, send: Any) -> None:
    clients = [as_user(ann) for _ in range(4)]
    together = threading.Barrier(4)

    def post(client: APIClient) -> Any:
        try:
            together.wait(20)
            return send(client, "one")
        finally:
            connections.close_all()

    with ThreadPoolExecutor(4) as pool:
        responses = list(pool.map(post, clients))

    statuses = {response.status_code for response in responses}
    assert 201 in statuses and statuses <= {201, 409}
    assert len({each.json()["id"] for each in responses if each.status_code == 201}) == 1
    assert count(Comic if send is create else Novel) == 1
    assert send(clients[0], "one")["Idempotency-Replayed"] == "true"


def test_a_write_that_fails_stores_nothing(
    client: APIClient, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Row and response are committed together, or not at all."""
    client.raise_request_exception = False
    with monkeypatch.context() as patched:
        patched.setattr("morpheus.api.idempotency.render", lambda data: 1 / 0)
        assert create(client, "one").status_code == 500
    assert (count(Comic), count(IdempotentResponse)) == (0, 0)

    assert create(client, "one").status_code == 201


def test_an_upload_is_repeated_with_any_boundary(client: APIClient) -> None:
    first, again = upload(client, "one", title="T"), upload(client, "one", title="T")
    changed = upload(client, "one", TEXT + b"More.", title="T")
    without_key = client.post(NOVELS, {"file": SimpleUploadedFile("a.txt", TEXT)}, "multipart")

    assert first.status_code == 201, first.content
    assert (again.content, again["Idempotency-Replayed"]) == (first.content, "true")
    assert again["Location"] == first["Location"]
    assert (changed.status_code, without_key.status_code) == (422, 409)
    assert count(Novel) == 1


def test_a_panel_is_added_once(client: APIClient) -> None:
    url = f"{COMICS}{create(client, 'comic').json()['id']}/panels/"

    def add() -> Any:
        headers = {"Idempotency-Key": "panel"}
        return client.post(url, {"image": picture()}, format="multipart", headers=headers)

    first, again = add(), add()

    assert first.status_code == 201, first.content
    assert again.content == first.content and count(Panel) == 1


def test_a_key_is_forgotten_after_a_day(client: APIClient) -> None:
    create(client, "old"), create(client, "new")
    with as_staff():
        old = IdempotentResponse.objects.order_by("pk")[:1].get()
        IdempotentResponse.objects.filter(pk=old.pk).update(
            created_at=timezone.now() - TTL - timedelta(seconds=1)
        )

    assert "Idempotency-Replayed" not in create(client, "old")
    with as_staff():
        IdempotentResponse.objects.filter(pk=old.pk).update(created_at=timezone.now() - TTL)
    assert (delete_expired(), count(IdempotentResponse)) == (1, 1)


def test_a_secret_is_never_stored(api: APIClient, ann: Any) -> None:
    from tests.conftest import PASSWORD

    for _ in range(2):
        response = api.post(
            "/api/v1/auth/token/",
            {"email": ann.email, "password": PASSWORD},
            headers={"Idempotency-Key": "one"},
        )
        assert response.status_code == 200

    assert count(IdempotentResponse) == 0
