"""POST /auth/password-reset/ and /auth/password-reset/confirm/."""

from __future__ import annotations

import threading
from collections.abc import Callable
from smtplib import SMTPRecipientsRefused
from typing import Any

import pytest
from django.contrib.auth.hashers import MD5PasswordHasher
from django.db import connection
from django.utils import timezone
from django_tasks_db.models import DBTaskResult
from pytest_django import Settings
from rest_framework.test import APIClient

from tests.conftest import PASSWORD, as_staff
from tests.users.conftest import LOGIN, ME, TOKEN, MailOutbox, run_tasks, token_of_mail
from tests.visitor import counted_queries
from users.models import User
from users.services import mails

pytestmark = pytest.mark.django_db

RESET = "/api/v1/auth/password-reset/"
CONFIRM = "/api/v1/auth/password-reset/confirm/"
NEW = "quite new words 7"


@pytest.fixture
def ask(api: APIClient, mailoutbox: MailOutbox) -> Callable[..., str]:
    """Ask for a reset of Ann's password; return the token of the mail."""

    def ask() -> str:
        assert api.post(RESET, {"email": " Ann@Example.org "}).status_code == 202
        run_tasks()
        return token_of_mail(mailoutbox[-1])

    return ask


def test_the_token_of_the_mail_sets_a_password_once_and_ends_every_login(
    api: APIClient,
    browser: APIClient,
    ann: Any,
    as_user: Callable[..., APIClient],
    ask: Callable[..., str],
    mailoutbox: MailOutbox,
) -> None:
    browser.post(LOGIN, {"email": ann.email, "password": PASSWORD})
    client = as_user(ann)
    token = ask()
    assert [mail.to for mail in mailoutbox] == [[ann.email]]

    response = api.post(CONFIRM, {"token": token, "new_password": NEW})

    assert (response.status_code, response.content) == (204, b"")
    assert [each.get(ME).status_code for each in (client, browser)] == [401, 401]
    profile = api.post(TOKEN, {"email": ann.email, "password": NEW}).json()["user"]
    assert profile["email_confirmed"] is True
    again = api.post(CONFIRM, {"token": token, "new_password": f"{NEW} again"})
    assert again.status_code == 400
    assert list(again.json()["errors"]) == ["token"]


@pytest.mark.parametrize("body", [{"email": "ann@example.org"}, {"email": "eve@example.org"}])
def test_known_and_unknown_addresses_cost_the_same_and_get_the_same_response(
    api: APIClient, ann: Any, monkeypatch: pytest.MonkeyPatch, body: dict[str, str]
) -> None:
    hashed: list[Any] = []
    monkeypatch.setattr(MD5PasswordHasher, "encode", lambda *arguments: hashed.append(arguments))

    with counted_queries() as seen:
        response = api.post(RESET, body)

    assert (response.status_code, response.content) == (202, b"")
    assert [sql.split()[0] for sql in seen.sql] == ["SELECT", "INSERT"], seen.sql
    assert hashed == []
    # No address and no token is in a table without row level security.
    row = DBTaskResult.objects.get()
    assert "@" not in str(row.args_kwargs)


def test_headers_tell_nothing_either(api: APIClient, ann: Any) -> None:
    def headers(email: str) -> set[str]:
        response = api.post(RESET, {"email": email})
        # All requests of a client count, whatever the address.
        varying = {"X-Request-ID", "Server-Timing", "RateLimit"}
        kept = {name: text for name, text in response.items() if name not in varying}
        return {f"{name}: {text}" for name, text in kept.items()}

    assert headers(ann.email) == headers("eve@example.org")


@pytest.mark.parametrize("fields", [{"is_active": False}, {"password": "!"}])
def test_users_that_cannot_log_in_get_no_mail(
    api: APIClient, ann: Any, mailoutbox: MailOutbox, fields: dict[str, Any]
) -> None:
    with as_staff():
        User.objects.filter(pk=ann.pk).update(**fields)

    assert api.post(RESET, {"email": ann.email}).status_code == 202
    assert api.post(RESET, {"email": "eve@example.org"}).status_code == 202
    run_tasks()

    assert mailoutbox == []


def test_a_weak_password_is_refused_and_the_token_stays_valid(
    api: APIClient, ann: Any, ask: Callable[..., str]
) -> None:
    token = ask()

    response = api.post(CONFIRM, {"token": token, "new_password": "ann@example.org"})

    assert (response.status_code, list(response.json()["errors"])) == (400, ["new_password"])
    assert api.post(CONFIRM, {"token": token, "new_password": NEW}).status_code == 204


def outdate_by_login(api: APIClient, ann: Any, settings: Settings) -> None:
    api.post(TOKEN, {"email": ann.email, "password": PASSWORD})


def outdate_by_address(api: APIClient, ann: Any, settings: Settings) -> None:
    with as_staff():
        User.objects.filter(pk=ann.pk).update(email="new@example.org")


def outdate_by_deactivation(api: APIClient, ann: Any, settings: Settings) -> None:
    with as_staff():
        User.objects.filter(pk=ann.pk).update(is_active=False)


def outdate_by_time(api: APIClient, ann: Any, settings: Settings) -> None:
    settings.PASSWORD_RESET_TIMEOUT = -1


def outdate_by_deletion(api: APIClient, ann: Any, settings: Settings) -> None:
    with as_staff():
        User.objects.filter(pk=ann.pk).delete()


@pytest.mark.parametrize(
    "outdate",
    [
        outdate_by_login,
        outdate_by_address,
        outdate_by_deactivation,
        outdate_by_time,
        outdate_by_deletion,
    ],
)
def test_a_token_ends_with_what_it_was_made_for(
    api: APIClient,
    ann: Any,
    ask: Callable[..., str],
    settings: Settings,
    outdate: Callable[..., None],
) -> None:
    token = ask()

    outdate(api, ann, settings)

    assert api.post(CONFIRM, {"token": token, "new_password": NEW}).status_code == 400


@pytest.mark.parametrize(
    "token",
    [
        *("x", "-", "1", "1-", "-1-1", "1-2-3", "1-c0ffee-" + "0" * 32, "zzzzzzzzzzzzz-1-1"),
        *("9" * 1000, "١-c0ffee-0", "0-c0ffee-" + "0" * 32, "+1-c0ffee-0", "1-\u2028-\u2028"),
    ],
)
def test_nonsense_tokens_are_400(api: APIClient, ann: Any, token: str) -> None:
    response = api.post(CONFIRM, {"token": token, "new_password": NEW})

    assert response.status_code == 400
    assert response.json()["errors"]["token"] == ["Invalid or expired token. Ask for another mail."]


@pytest.mark.parametrize(
    ("url", "body"),
    [
        (RESET, {}),
        (RESET, []),
        (RESET, {"email": "nobody"}),
        (RESET, {"email": ["ann@example.org"]}),
        (RESET, {"email": "a\x00@example.org"}),
        (CONFIRM, {"token": "x"}),
        (CONFIRM, {"token": {"a": 1}, "new_password": NEW}),
        (CONFIRM, {"token": "x\x00", "new_password": NEW}),
        (CONFIRM, {"token": "x" * 1001, "new_password": NEW}),
        (CONFIRM, {"new_password": NEW}),
    ],
)
def test_nonsense_bodies_are_400(api: APIClient, url: str, body: Any) -> None:
    assert api.post(url, body).status_code == 400


def test_a_token_of_another_user_is_refused(
    api: APIClient, ann: Any, make_user: Callable[..., Any], ask: Callable[..., str]
) -> None:
    bob = make_user("bob")
    _, _, rest = ask().partition("-")
    from django.utils.http import int_to_base36

    body = {"token": f"{int_to_base36(bob.pk)}-{rest}", "new_password": NEW}

    assert api.post(CONFIRM, body).status_code == 400


def test_requests_are_limited_by_network_alike_and_mails_by_address(
    api: APIClient,
    ann: Any,
    settings: Settings,
    mailoutbox: MailOutbox,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    rates = settings.MORPHEUS_THROTTLE_RATES
    settings.MORPHEUS_THROTTLE_RATES = rates | {"mail_network": (3, 3600), "mail": (2, 3600)}

    def ask(email: str, network: str) -> list[int]:
        return [
            api.post(RESET, {"email": email}, REMOTE_ADDR=network).status_code for _ in range(4)
        ]

    assert ask(ann.email, "10.0.0.1") == [202, 202, 202, 429]
    assert ask("eve@example.org", "10.0.0.2") == [202, 202, 202, 429]
    run_tasks()
    assert len(mailoutbox) == 2


def test_a_mail_is_tried_again_and_its_failure_names_no_address(
    api: APIClient, ann: Any, mailoutbox: MailOutbox, monkeypatch: pytest.MonkeyPatch
) -> None:
    def refuse(*arguments: Any) -> None:
        raise SMTPRecipientsRefused({ann.email: (450, b"later")})

    with monkeypatch.context() as patch:
        patch.setattr(mails, "send_mail", refuse)
        api.post(RESET, {"email": ann.email})
        for attempt in range(1, mails.MAX_ATTEMPTS + 1):
            [waiting] = DBTaskResult.objects.ready()
            assert waiting.args_kwargs["kwargs"].get("attempt", 1) == attempt
            run_tasks()
            DBTaskResult.objects.filter(run_after__isnull=False).update(run_after=timezone.now())

    [failed] = DBTaskResult.objects.failed()
    assert "SMTPRecipientsRefused" in failed.traceback
    assert ann.email not in failed.traceback
    assert mailoutbox == []


def test_the_link_leads_to_the_front_end_and_never_to_a_host_that_a_client_names(
    api: APIClient, ann: Any, mailoutbox: MailOutbox, settings: Settings
) -> None:
    settings.MORPHEUS_FRONTEND_URL = "https://novels.example.org"
    settings.ALLOWED_HOSTS = ["*"]

    api.post(RESET, {"email": ann.email}, headers={"host": "evil.example"})
    run_tasks()

    assert "\nhttps://novels.example.org/password-reset#token=" in mailoutbox[0].body
    assert "evil" not in mailoutbox[0].body


@pytest.mark.django_db(transaction=True)
def test_of_two_resets_with_one_token_one_succeeds(ann: Any, ask: Callable[..., str]) -> None:
    token, start = ask(), threading.Barrier(3)
    statuses: dict[int, int] = {}

    def reset(number: int) -> None:
        try:
            start.wait(10)
            body = {"token": token, "new_password": f"{NEW} {number}"}
            statuses[number] = APIClient().post(CONFIRM, body).status_code
        finally:
            connection.close()

    threads = [threading.Thread(target=reset, args=[number]) for number in range(3)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()

    assert sorted(statuses.values()) == [204, 400, 400]
    [winner] = [number for number, status in statuses.items() if status == 204]
    body = {"email": ann.email, "password": f"{NEW} {winner}"}
    assert APIClient().post(TOKEN, body).status_code == 200
