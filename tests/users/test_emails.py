"""Confirmation of addresses, and their change: POST /users/me/email/, /auth/email/confirm/."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import pytest
from django.contrib.auth.hashers import MD5PasswordHasher
from django_tasks_db.models import DBTaskResult
from pytest_django import Settings
from rest_framework.test import APIClient

from morpheus.db.transactions import write_transaction
from tests.conftest import PASSWORD, as_staff
from tests.users.conftest import ME, TOKEN, USERS, MailOutbox, run_tasks, token_of_mail
from tests.visitor import counted_queries
from users.mails import make_email_token
from users.models import User

pytestmark = pytest.mark.django_db

EMAIL = "/api/v1/users/me/email/"
CONFIRM = "/api/v1/auth/email/confirm/"
NEW = "new@example.org"
CHANGE = {"email": NEW, "current_password": PASSWORD}


@pytest.fixture
def client(as_user: Callable[..., APIClient], ann: Any) -> APIClient:
    return as_user(ann)


def test_registering_sends_a_mail_that_confirms_the_address(
    api: APIClient, mailoutbox: MailOutbox
) -> None:
    body = {
        "email": "ann@example.org",
        "password": PASSWORD,
        "display_name": "Buy http://x.example",
    }
    assert api.post(USERS, body).json()["email_confirmed"] is False
    run_tasks()
    [mail] = mailoutbox
    assert mail.to == ["ann@example.org"]
    assert "x.example" not in mail.subject + mail.body  # Strangers choose names and addresses.

    for _ in range(2):
        assert api.post(CONFIRM, {"token": token_of_mail(mail)}).status_code == 204

    login = api.post(TOKEN, {"email": "ann@example.org", "password": PASSWORD})
    assert login.json()["user"]["email_confirmed"] is True


def test_a_new_address_takes_effect_when_it_is_confirmed(
    client: APIClient, api: APIClient, ann: Any, mailoutbox: MailOutbox
) -> None:
    response = client.post(EMAIL, CHANGE)

    assert (response.status_code, response.content) == (202, b"")
    profile = client.get(ME).json()
    assert (profile["email"], profile["pending_email"]) == (ann.email, NEW)
    run_tasks()
    assert sorted(mail.to for mail in mailoutbox) == [[ann.email], [NEW]]
    [confirmation] = [mail for mail in mailoutbox if mail.to == [NEW]]
    [notice] = [mail for mail in mailoutbox if mail.to == [ann.email]]
    assert NEW not in notice.body
    token = token_of_mail(confirmation)

    assert api.post(CONFIRM, {"token": token}).status_code == 204

    profile = client.get(ME).json()
    assert (profile["email"], profile["pending_email"]) == (NEW, "")
    assert profile["email_confirmed"] is True
    assert api.post(TOKEN, {"email": NEW, "password": PASSWORD}).status_code == 200
    assert api.post(TOKEN, {"email": ann.email, "password": PASSWORD}).status_code == 401
    assert api.post(CONFIRM, {"token": token}).status_code == 204


def test_the_present_address_gets_another_mail_that_confirms_it(
    client: APIClient, ann: Any, mailoutbox: MailOutbox
) -> None:
    client.post(EMAIL, CHANGE)
    response = client.post(EMAIL, CHANGE | {"email": " ANN@example.org "})
    run_tasks()

    assert response.status_code == 202
    assert client.get(ME).json()["pending_email"] == ""
    assert [mail.to for mail in mailoutbox if "Confirm" in mail.subject] == [[ann.email]]


@pytest.mark.parametrize("is_taken", [False, True])
def test_an_address_of_another_user_costs_the_same_and_gets_the_same_response(
    client: APIClient,
    ann: Any,
    make_user: Callable[..., Any],
    mailoutbox: MailOutbox,
    monkeypatch: pytest.MonkeyPatch,
    is_taken: bool,
) -> None:
    if is_taken:
        make_user("new")
    hashed: list[Any] = []
    encode = MD5PasswordHasher.encode

    def record_hash(*arguments: Any) -> str:
        hashed.append(arguments)
        return encode(*arguments)

    monkeypatch.setattr(MD5PasswordHasher, "encode", record_hash)

    with counted_queries() as seen:
        response = client.post(EMAIL, CHANGE)

    assert (response.status_code, response.content) == (202, b"")
    assert [sql.split(" ", 1)[0] for sql in seen.sql[-4:]] == ["SELECT", "UPDATE"] + 2 * ["INSERT"]
    assert len(hashed) == 1
    assert client.get(ME).json()["pending_email"] == NEW
    assert not [row for row in DBTaskResult.objects.all() if "@" in str(row.args_kwargs)]
    run_tasks()
    # The notice to the caller's own mailbox comes in both cases.
    assert [ann.email] in [mail.to for mail in mailoutbox]
    assert ([NEW] in [mail.to for mail in mailoutbox]) is not is_taken


def test_an_address_that_was_taken_meanwhile_is_refused_as_an_invalid_token(
    client: APIClient, api: APIClient, ann: Any, make_user: Callable[..., Any]
) -> None:
    client.post(EMAIL, CHANGE)
    token = make_email_token(ann.pk, NEW)
    make_user("new")

    response = api.post(CONFIRM, {"token": token})

    unknown = api.post(CONFIRM, {"token": "x"})
    assert response.status_code == unknown.status_code == 400
    assert response.json() | {"request_id": ""} == unknown.json() | {"request_id": ""}
    assert client.get(ME).json()["email"] == ann.email


def test_only_the_last_request_counts_and_a_new_password_cancels_it(
    client: APIClient, api: APIClient, ann: Any
) -> None:
    client.post(EMAIL, CHANGE)
    client.post(EMAIL, CHANGE | {"email": "later@example.org"})
    assert api.post(CONFIRM, {"token": make_email_token(ann.pk, NEW)}).status_code == 400

    change = {"current_password": PASSWORD, "new_password": "quite new words 7"}
    assert client.post("/api/v1/users/me/password/", change).status_code == 204

    later = make_email_token(ann.pk, "later@example.org")
    assert api.post(CONFIRM, {"token": later}).status_code == 400


def test_an_address_that_staff_change_is_not_confirmed(
    client: APIClient, api: APIClient, ann: Any
) -> None:
    api.post(CONFIRM, {"token": make_email_token(ann.pk, ann.email)})
    assert client.get(ME).json()["email_confirmed"] is True

    with as_staff():
        User.objects.filter(pk=ann.pk).update(email=NEW)

    assert client.get(ME).json()["email_confirmed"] is False


def test_a_token_expires_and_an_inactive_user_confirms_nothing(
    api: APIClient, ann: Any, settings: Settings
) -> None:
    token = make_email_token(ann.pk, ann.email)
    with as_staff():
        User.objects.filter(pk=ann.pk).update(is_active=False)
    assert api.post(CONFIRM, {"token": token}).status_code == 400
    with as_staff():
        User.objects.filter(pk=ann.pk).update(is_active=True)
    settings.MORPHEUS_EMAIL_TOKEN_TTL_S = -1

    assert api.post(CONFIRM, {"token": token}).status_code == 400


@pytest.mark.parametrize(
    ("changes", "field"),
    [
        ({"current_password": "wrong"}, "current_password"),
        ({"current_password": None}, "current_password"),
        ({"email": "nobody"}, "email"),
        ({"email": "a" * 250 + "@example.org"}, "email"),
        ({"email": "x@example.org\r\nBcc: y@example.org"}, "email"),
        ({"email": {}}, "email"),
    ],
)
def test_bad_input_names_the_field_and_sends_nothing(
    client: APIClient, mailoutbox: MailOutbox, changes: dict[str, Any], field: str
) -> None:
    response = client.post(EMAIL, CHANGE | changes)
    run_tasks()

    assert (response.status_code, list(response.json()["errors"])) == (400, [field])
    assert mailoutbox == []


@pytest.mark.parametrize("token", ["", "x", "a:b:c", "." * 999, None, 7, ["x"], "\x00"])
def test_nonsense_tokens_are_400(api: APIClient, token: Any) -> None:
    assert api.post(CONFIRM, {"token": token}).status_code == 400


def test_a_changed_token_is_refused(api: APIClient, ann: Any) -> None:
    token = make_email_token(ann.pk, ann.email)

    assert api.post(CONFIRM, {"token": f"X{token[1:]}"}).status_code == 400
    assert api.post(CONFIRM, {"token": token[:-1]}).status_code == 400


def test_anonymous_callers_are_401(api: APIClient) -> None:
    assert api.post(EMAIL, CHANGE).status_code == 401


def test_requests_of_one_user_are_limited(
    client: APIClient, settings: Settings, monkeypatch: pytest.MonkeyPatch
) -> None:
    rates = settings.MORPHEUS_THROTTLE_RATES
    settings.MORPHEUS_THROTTLE_RATES = rates | {"mail_user": (2, 3600)}

    statuses = [
        client.post(EMAIL, CHANGE | {"email": f"new{number}@example.org"}).status_code
        for number in range(3)
    ]

    assert statuses == [202, 202, 429]


def test_row_level_security_alone_hides_addresses(
    client: APIClient, make_user: Callable[..., Any]
) -> None:
    client.post(EMAIL, CHANGE)

    with write_transaction(as_user=make_user("bob").pk):
        assert not User.objects.filter(pending_email=NEW).exists()
        assert not User.objects.filter(pending_email=NEW).update(pending_email="")
