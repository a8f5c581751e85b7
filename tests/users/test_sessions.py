"""POST /auth/login/ and /auth/logout/, and writes with the session cookie."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import pytest
from django.conf import settings
from pytest_django import Settings
from rest_framework.test import APIClient

from morpheus.cache.sessions import SessionStore
from tests.conftest import PASSWORD, as_staff
from tests.users.conftest import LOGIN, LOGOUT, ME, USERS

pytestmark = pytest.mark.django_db


def csrf(browser: APIClient) -> dict[str, Any]:
    return {"HTTP_X_CSRFTOKEN": browser.cookies[settings.CSRF_COOKIE_NAME].value}


def test_a_session_authenticates_api_requests(
    browser: APIClient, log_in: Callable[..., Any], make_user: Callable[..., Any]
) -> None:
    response = log_in(make_user("ann"))

    assert response.status_code == 200
    assert response.json()["email"] == "ann@example.org"
    assert response.cookies[settings.SESSION_COOKIE_NAME]["httponly"]
    assert browser.get(ME).json()["email"] == "ann@example.org"


@pytest.mark.parametrize("secure", [True, False])
def test_the_session_cookie_is_for_https_where_the_site_is(
    api: APIClient, make_user: Callable[..., Any], settings: Settings, secure: bool
) -> None:
    make_user("ann")
    settings.SESSION_COOKIE_SECURE = secure

    response = api.post(LOGIN, {"email": "ann@example.org", "password": PASSWORD})

    cookie = response.cookies[settings.SESSION_COOKIE_NAME]
    assert bool(cookie["secure"]) is secure
    assert cookie["samesite"] == "Lax"


def test_a_wrong_password_starts_no_session(
    browser: APIClient, log_in: Callable[..., Any], make_user: Callable[..., Any]
) -> None:
    response = log_in(make_user("ann"), password="wrong")

    assert response.status_code == 401
    assert response.headers["WWW-Authenticate"] == "Bearer"
    assert settings.SESSION_COOKIE_NAME not in response.cookies
    assert browser.get(ME).status_code == 401


def test_an_inactive_user_cannot_log_in(
    browser: APIClient, log_in: Callable[..., Any], make_user: Callable[..., Any]
) -> None:
    assert log_in(make_user("ann", is_active=False)).status_code == 401


@pytest.mark.parametrize(
    "content_type",
    ["application/x-www-form-urlencoded", "multipart/form-data; boundary=x", "text/plain", ""],
)
def test_a_form_of_another_site_cannot_log_in(
    browser: APIClient, make_user: Callable[..., Any], content_type: str
) -> None:
    make_user("ann")
    body = f'{{"email": "ann@example.org", "password": "{PASSWORD}"}}'

    response = browser.generic("POST", LOGIN, body, content_type=content_type)

    assert response.status_code in (400, 415)
    assert settings.SESSION_COOKIE_NAME not in response.cookies


def test_login_replaces_an_existing_session_key(
    browser: APIClient, log_in: Callable[..., Any], make_user: Callable[..., Any]
) -> None:
    planted = SessionStore()
    planted["cart"] = "attacker's"
    planted.create()
    assert planted.session_key is not None
    browser.cookies[settings.SESSION_COOKIE_NAME] = planted.session_key

    response = log_in(make_user("ann"))

    assert response.cookies[settings.SESSION_COOKIE_NAME].value != planted.session_key
    assert not SessionStore().exists(planted.session_key)


def test_a_session_of_one_user_is_not_taken_over_by_the_next(
    browser: APIClient, log_in: Callable[..., Any], make_user: Callable[..., Any]
) -> None:
    log_in(make_user("ann"))
    before = browser.cookies[settings.SESSION_COOKIE_NAME].value

    log_in(make_user("bob"))

    assert browser.get(ME).json()["email"] == "bob@example.org"
    assert not SessionStore().exists(before)


def test_a_write_with_the_session_needs_the_csrf_token(
    browser: APIClient, log_in: Callable[..., Any], make_user: Callable[..., Any]
) -> None:
    log_in(make_user("ann"))

    refused = browser.patch(ME, {"bio": "forged"})
    accepted = browser.patch(ME, {"bio": "mine"}, **csrf(browser))

    assert refused.status_code == 403
    assert refused.headers["Content-Type"] == "application/problem+json"
    assert accepted.json()["bio"] == "mine"


def test_logging_out_needs_the_csrf_token_and_ends_the_session(
    browser: APIClient, log_in: Callable[..., Any], make_user: Callable[..., Any]
) -> None:
    log_in(make_user("ann"))
    key = browser.cookies[settings.SESSION_COOKIE_NAME].value

    assert browser.post(LOGOUT).status_code == 403
    assert browser.get(ME).status_code == 200

    assert browser.post(LOGOUT, **csrf(browser)).status_code == 204
    assert browser.get(ME).status_code == 401
    assert not SessionStore().exists(key)


def test_logging_out_without_a_session_is_4xx(
    api: APIClient, make_user: Callable[..., Any], as_user: Callable[..., APIClient]
) -> None:
    assert api.post(LOGOUT).status_code == 401
    assert as_user(make_user("ann")).post(LOGOUT).status_code == 400


def test_a_session_ends_with_the_password(
    browser: APIClient, log_in: Callable[..., Any], make_user: Callable[..., Any]
) -> None:
    ann = make_user("ann")
    log_in(ann)

    ann.set_password("another long password")
    with as_staff():
        ann.save()

    assert browser.get(ME).status_code == 401


def test_registering_needs_json_too(browser: APIClient) -> None:
    response = browser.generic("POST", USERS, "email=a", "application/x-www-form-urlencoded")

    assert response.status_code == 415
