"""How often strangers may try."""

from __future__ import annotations

from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from threading import Barrier
from typing import Any

import pytest
from django.contrib.auth.hashers import MD5PasswordHasher
from django.test import Client, RequestFactory
from pytest_django import Settings
from rest_framework.test import APIClient

from tests.conftest import PASSWORD
from tests.users.conftest import LOGIN, TOKEN, USERS
from users.throttling import UserLoginLimit

pytestmark = pytest.mark.django_db

ADMIN = "/admin/login/"


@pytest.fixture(autouse=True)
def three_of_each(settings: Settings) -> None:
    """Allow three of each, in a window that does not end while the test runs."""
    scopes = ("login", "login_network", "register", "write")
    settings.MORPHEUS_THROTTLE_RATES = dict.fromkeys(scopes, (3, 60)) | {"login_user": (7, 60)}


def assert_waits_for_the_window(response: Any) -> int:
    """Check that the wait lasts until the window of the first attempt ends; return it."""
    wait_s = int(response.headers["Retry-After"])
    assert 20 < wait_s <= 60
    return wait_s


def test_too_many_attempts_from_one_place_are_refused(api: APIClient) -> None:
    for number in range(3):
        body = {"email": f"user{number}@example.org", "password": "wrong"}
        assert api.post(TOKEN, body).status_code == 401

    response = api.post(LOGIN, {"email": "another@example.org", "password": "wrong"})

    assert response.status_code == 429
    assert_waits_for_the_window(response)
    assert response.headers["Content-Type"] == "application/problem+json"


def test_failed_attempts_on_one_user_are_limited_over_all_networks_in_any_spelling(
    api: APIClient, make_user: Callable[..., Any]
) -> None:
    make_user("ann")
    spellings = ["ann@example.org", "ANN@example.org", " Ann@Example.org"]
    for number in range(7):
        body = {"email": spellings[number % 3], "password": "wrong"}
        assert api.post(TOKEN, body, REMOTE_ADDR=f"10.0.0.{number}").status_code == 401

    body = {"email": "ann@example.org", "password": PASSWORD}
    assert api.post(TOKEN, body, REMOTE_ADDR="10.0.1.1").status_code == 429
    assert api.post(LOGIN, body, REMOTE_ADDR="10.0.1.2").status_code == 429


def test_a_user_is_let_in_from_another_network_while_one_network_guesses(
    api: APIClient, make_user: Callable[..., Any]
) -> None:
    make_user("ann")
    for _ in range(20):
        api.post(TOKEN, {"email": "ann@example.org", "password": "wrong"})

    body = {"email": "ann@example.org", "password": PASSWORD}
    assert api.post(TOKEN, body).status_code == 429
    assert api.post(TOKEN, body, REMOTE_ADDR="10.0.0.1").status_code == 200


def test_one_network_cannot_use_up_the_limit_that_all_networks_share(
    api: APIClient, make_user: Callable[..., Any], settings: Settings
) -> None:
    settings.MORPHEUS_THROTTLE_RATES = settings.MORPHEUS_THROTTLE_RATES | {
        "login_network": (100, 60)
    }
    make_user("ann")
    responses = [
        api.post(TOKEN, {"email": "ann@example.org", "password": "wrong"}) for _ in range(20)
    ]

    body = {"email": "ann@example.org", "password": PASSWORD}
    assert [response.status_code for response in responses] == [401] * 3 + [429] * 17
    assert_waits_for_the_window(responses[-1])
    assert api.post(TOKEN, body, REMOTE_ADDR="10.0.0.1").status_code == 200


def test_successful_logins_do_not_count_towards_a_users_limits(
    api: APIClient, make_user: Callable[..., Any], settings: Settings
) -> None:
    settings.MORPHEUS_THROTTLE_RATES = settings.MORPHEUS_THROTTLE_RATES | {
        "login_network": (100, 60)
    }
    make_user("ann")
    body = {"email": "ann@example.org", "password": PASSWORD}

    assert [api.post(TOKEN, body).status_code for _ in range(9)] == [200] * 9


def test_an_ipv6_network_is_limited_as_one_whatever_its_addresses(api: APIClient) -> None:
    def attempt(address: Any) -> Any:
        body = {"email": f"{address[-1]}@example.org", "password": "wrong"}
        return api.post(TOKEN, body, REMOTE_ADDR=address).status_code

    same = [attempt(f"2001:db8:1:2:{number}::{number}") for number in range(1, 5)]

    assert same == [401, 401, 401, 429]
    assert attempt("2001:db8:1:3::1") == 401


def test_concurrent_guesses_are_all_counted(rf: RequestFactory, settings: Settings) -> None:
    together = Barrier(10)

    def guess(_: Any) -> bool:
        together.wait(10)
        return UserLoginLimit(rf.post(TOKEN), "ann@example.org").take() is None

    with ThreadPoolExecutor(10) as pool:
        allowed = list(pool.map(guess, range(100)))

    assert allowed.count(True) == 3


def test_no_password_is_hashed_beyond_the_limit(
    api: APIClient,
    client: Client,
    make_user: Callable[..., Any],
    settings: Settings,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    make_user("ann", is_staff=True, is_superuser=True)
    for _ in range(3):
        api.post(TOKEN, {"email": "ann@example.org", "password": "wrong"})
    hashed = []
    monkeypatch.setattr(MD5PasswordHasher, "encode", lambda *arguments: hashed.append(arguments))
    settings.MORPHEUS_THROTTLE_RATES = settings.MORPHEUS_THROTTLE_RATES | {
        "login_network": (100, 60)
    }

    for url in (TOKEN, LOGIN):
        body = {"email": "ann@example.org", "password": PASSWORD}
        assert api.post(url, body).status_code == 429
    client.post(ADMIN, {"username": "ann@example.org", "password": PASSWORD})

    assert hashed == []


def test_a_request_refused_by_its_network_does_not_count_against_a_user(
    api: APIClient, make_user: Callable[..., Any]
) -> None:
    make_user("ann")
    for _ in range(3):
        api.post(TOKEN, {"email": "nobody@example.org", "password": "wrong"})
    for _ in range(5):
        api.post(TOKEN, {"email": "ann@example.org", "password": "wrong"})

    body = {"email": "ann@example.org", "password": PASSWORD}
    assert api.post(TOKEN, body, REMOTE_ADDR="10.0.0.1").status_code == 200


@pytest.mark.parametrize("body", [[], "text", {"email": {"a": 1}}, {"email": None}])
def test_malformed_requests_count_and_are_4xx(api: APIClient, body: Any) -> None:
    assert [api.post(TOKEN, body).status_code for _ in range(4)] == [400, 400, 400, 429]


def test_registrations_from_one_place_are_limited(api: APIClient) -> None:
    def register(number: int) -> Any:
        body = {"email": f"u{number}@example.org", "password": PASSWORD, "display_name": "U"}
        return api.post(USERS, body).status_code

    assert [register(number) for number in range(4)] == [201, 201, 201, 429]


def test_the_admins_login_form_is_limited_together_with_the_api(
    client: Client, make_user: Callable[..., Any]
) -> None:
    make_user("ann", is_staff=True, is_superuser=True)
    form = {"username": "ann@example.org", "password": "wrong"}
    for _ in range(2):
        client.post(ADMIN, form)
    client.post(TOKEN, {"email": "ann@example.org", "password": "w"}, "application/json")

    response = client.post(ADMIN, form | {"password": PASSWORD})

    assert response.status_code == 429
    wait_s = assert_waits_for_the_window(response)
    assert f"Too many attempts; try again in {wait_s} seconds." in response.content.decode()
    assert "_auth_user_id" not in client.session


@pytest.mark.parametrize(
    "spelling", ["ann@example.org", " ANN@example.org ", "\uff41nn@example.org"]
)
def test_the_admins_login_counts_against_the_authenticated_name(
    client: Client, make_user: Callable[..., Any], settings: Settings, spelling: str
) -> None:
    settings.MORPHEUS_THROTTLE_RATES = settings.MORPHEUS_THROTTLE_RATES | {
        "login_network": (100, 60)
    }
    make_user("ann", is_staff=True, is_superuser=True)
    for number in range(3):
        form = {"username": spelling, "password": "wrong", "email": f"decoy{number}@example.org"}
        assert client.post(ADMIN, form).status_code == 200

    form = {"username": "ann@example.org", "password": PASSWORD, "email": "decoy@example.org"}
    response = client.post(ADMIN, form)

    assert response.status_code == 429
    assert "_auth_user_id" not in client.session


def test_a_decoy_in_the_admins_form_locks_no_other_user(
    client: Client, api: APIClient, make_user: Callable[..., Any]
) -> None:
    make_user("ann")
    form = {"username": "bob@example.org", "password": "wrong", "email": "ann@example.org"}
    for number in range(9):
        client.post(ADMIN, form, REMOTE_ADDR=f"10.0.0.{number}")

    body = {"email": "ann@example.org", "password": PASSWORD}
    assert api.post(TOKEN, body).status_code == 200
