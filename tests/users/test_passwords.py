"""POST /users/me/password/."""

from __future__ import annotations

import threading
import time
from collections.abc import Callable
from typing import Any

import pytest
from django.conf import settings as django_settings
from django.db import connection
from django.test import override_settings
from pytest_django import Settings
from rest_framework.test import APIClient

from tests.conftest import PASSWORD, as_staff
from tests.factories import secret_of
from tests.users.conftest import LOGIN, ME, TOKEN
from tests.visitor import Visitor
from users.models import AccessToken

pytestmark = pytest.mark.django_db

URL = "/api/v1/users/me/password/"
NEW = "quite new words 7"
CHANGE = {"current_password": PASSWORD, "new_password": NEW}


@pytest.fixture
def client(as_user: Callable[..., APIClient], ann: Any) -> APIClient:
    return as_user(ann)


def test_a_changed_password_logs_in_and_the_old_one_does_not(
    client: APIClient, api: APIClient, ann: Any
) -> None:
    response = client.post(URL, CHANGE)

    assert (response.status_code, response.content) == (204, b"")
    assert api.post(TOKEN, {"email": ann.email, "password": NEW}).status_code == 200
    assert api.post(TOKEN, {"email": ann.email, "password": PASSWORD}).status_code == 401


def test_every_token_and_session_ends_also_the_one_used(
    client: APIClient,
    browser: APIClient,
    ann: Any,
    as_user: Callable[..., APIClient],
    make_user: Callable[..., Any],
) -> None:
    other, bobs = as_user(ann), as_user(make_user("bob"))
    browser.post(LOGIN, {"email": ann.email, "password": PASSWORD})
    for each in (client, other, bobs, browser):
        assert each.get(ME).status_code == 200

    csrf = browser.cookies[django_settings.CSRF_COOKIE_NAME].value
    assert browser.post(URL, CHANGE, HTTP_X_CSRFTOKEN=csrf).status_code == 204

    assert [each.get(ME).status_code for each in (client, other, browser)] == [401] * 3
    assert bobs.get(ME).status_code == 200
    with as_staff():
        assert not AccessToken.objects.filter(user=ann).exists()


@pytest.mark.parametrize(
    ("changes", "field"),
    [
        ({"current_password": "wrong"}, "current_password"),
        ({"current_password": ""}, "current_password"),
        ({"current_password": None}, "current_password"),
        ({"current_password": ["x"]}, "current_password"),
        ({"current_password": f" {PASSWORD}"}, "current_password"),
        ({"new_password": "short"}, "new_password"),
        ({"new_password": "password123"}, "new_password"),
        ({"new_password": "8462517390"}, "new_password"),
        ({"new_password": "ann@example.org"}, "new_password"),
        ({"new_password": "\u200b" * 20}, "new_password"),
        ({"new_password": "nul\x00 and more words"}, "new_password"),
        ({"new_password": "x" * 1025}, "new_password"),
        ({"new_password": 12345678901}, "new_password"),
    ],
)
def test_bad_input_names_the_field_and_changes_nothing(
    client: APIClient, ann: Any, changes: dict[str, Any], field: str
) -> None:
    response = client.post(URL, CHANGE | changes)

    assert response.status_code == 400
    assert list(response.json()["errors"]) == [field]
    assert PASSWORD not in response.content.decode()
    assert client.get(ME).status_code == 200


@pytest.mark.parametrize("body", [[], "text", None, {}])
def test_nonsense_bodies_are_400(client: APIClient, body: Any) -> None:
    assert client.post(URL, body).status_code == 400


def test_anonymous_callers_are_401(api: APIClient) -> None:
    assert api.post(URL, CHANGE).status_code == 401


def test_guesses_are_limited_together_with_logins(
    client: APIClient, api: APIClient, ann: Any, settings: Settings, monkeypatch: pytest.MonkeyPatch
) -> None:
    rates = settings.MORPHEUS_THROTTLE_RATES
    settings.MORPHEUS_THROTTLE_RATES = rates | {"login": (3, 60)}
    guess = CHANGE | {"current_password": "wrong"}
    api.post(TOKEN, {"email": ann.email, "password": "wrong"})

    statuses = [client.post(URL, guess).status_code for _ in range(3)]

    assert statuses == [400, 400, 429]
    refused = client.post(URL, CHANGE)
    assert refused.status_code == 429 and 0 < int(refused["Retry-After"]) <= 60
    assert api.post(TOKEN, {"email": ann.email, "password": PASSWORD}).status_code == 429


@pytest.mark.django_db(transaction=True)
def test_of_concurrent_changes_one_succeeds(
    ann: Any, as_user: Callable[..., APIClient], api: APIClient
) -> None:
    clients = [as_user(ann) for _ in range(4)]
    start, statuses = threading.Barrier(4), {}

    def change(number: int) -> None:
        try:
            start.wait(10)
            response = clients[number].post(URL, CHANGE | {"new_password": f"{NEW} {number}"})
            statuses[number] = response.status_code
        finally:
            connection.close()

    threads = [threading.Thread(target=change, args=[number]) for number in range(4)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()

    assert sorted(statuses.values())[0] == 204
    # The others had a wrong password, or a token that had ended.
    assert set(sorted(statuses.values())[1:]) <= {400, 401}
    [changed] = [number for number, status in statuses.items() if status == 204]
    body = {"email": ann.email, "password": f"{NEW} {changed}"}
    assert api.post(TOKEN, body).status_code == 200


@pytest.mark.django_db(transaction=True)
@pytest.mark.parametrize("kind", ["token", "session"])
def test_no_cached_read_is_served_after_a_new_password_was_acknowledged(
    ann: Any,
    client: APIClient,
    browser: APIClient,
    visitor: Visitor,
    as_user: Callable[..., APIClient],
    kind: str,
) -> None:
    browser.post(LOGIN, {"email": ann.email, "password": PASSWORD})
    session = browser.cookies["sessionid"].value
    credentials = {
        "token": {"HTTP_AUTHORIZATION": f"Bearer {secret_of(client)}"},
        "session": {"HTTP_COOKIE": f"sessionid={session}"},
    }[kind]
    reads: list[tuple[float, int]] = []
    is_over = threading.Event()

    def read() -> None:
        try:
            while not is_over.is_set():
                started = time.monotonic()
                reads.append((started, _get(visitor.application, credentials)))
                time.sleep(0.005)
        finally:
            connection.close()

    def wait_for_reads(count: int) -> None:
        deadline = time.monotonic() + 60
        while len(reads) < count:
            assert time.monotonic() < deadline
            time.sleep(0.01)

    with override_settings(MORPHEUS_CACHE=True):
        threads = [threading.Thread(target=read) for _ in range(2)]
        for thread in threads:
            thread.start()
        wait_for_reads(6)
        assert as_user(ann).post(URL, CHANGE).status_code == 204
        acknowledged = time.monotonic()
        wait_for_reads(len(reads) + 8)
        is_over.set()
        for thread in threads:
            thread.join()

    assert {status for started, status in reads if started > acknowledged} == {401}
    assert 200 in {status for _, status in reads}


def _get(application: Any, headers: dict[str, str]) -> int:
    """Send one GET to the WSGI application; return its status."""
    import io

    started: list[str] = []
    environ = {
        "REQUEST_METHOD": "GET",
        "PATH_INFO": ME,
        "QUERY_STRING": "",
        "SCRIPT_NAME": "",
        "SERVER_NAME": "testserver",
        "SERVER_PORT": "80",
        "SERVER_PROTOCOL": "HTTP/1.1",
        "HTTP_HOST": "testserver",
        "REMOTE_ADDR": "127.0.0.1",
        "wsgi.url_scheme": "http",
        "wsgi.input": io.BytesIO(),
    }
    response = application(environ | headers, lambda status, headers: started.append(status))
    b"".join(response)
    if hasattr(response, "close"):
        response.close()
    return int(started[0][:3])
