"""GET and PATCH /users/me/."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import pytest
from rest_framework.test import APIClient

from tests.conftest import as_staff
from tests.users.conftest import ME
from tests.visitor import counted_queries

pytestmark = pytest.mark.django_db


def test_the_profile_shows_the_callers_own_data(
    make_user: Callable[..., Any], as_user: Callable[..., APIClient]
) -> None:
    ann = make_user("ann", bio="Reads.")

    response = as_user(ann).get(ME)

    assert response.status_code == 200
    assert response.json() == {
        "id": ann.pk,
        "email": "ann@example.org",
        "email_confirmed": False,
        "pending_email": "",
        "display_name": "Ann",
        "bio": "Reads.",
        "date_joined": ann.date_joined.strftime("%Y-%m-%dT%H:%M:%S.%fZ"),
        "usage": {
            "novels": 0,
            "novels_limit": 1000,
            "bytes": 0,
            "bytes_limit": 2048 * 1024 * 1024,
        },
    }
    assert "private" in response.headers["Cache-Control"]


@pytest.mark.parametrize("method", ["get", "patch"])
def test_an_anonymous_profile_is_401(api: APIClient, method: str) -> None:
    response = getattr(api, method)(ME)

    assert response.status_code == 401
    assert response.headers["WWW-Authenticate"] == "Bearer"


def test_name_and_bio_change_and_every_later_read_shows_it(
    make_user: Callable[..., Any], as_user: Callable[..., APIClient]
) -> None:
    client = as_user(make_user("ann"))

    response = client.patch(ME, {"display_name": "  Anna ", "bio": "Writes."})

    assert response.status_code == 200
    assert (response.json()["display_name"], response.json()["bio"]) == ("Anna", "Writes.")
    assert client.get(ME).json() == response.json()


def test_omitted_fields_stay_unchanged(
    make_user: Callable[..., Any], as_user: Callable[..., APIClient]
) -> None:
    client = as_user(make_user("ann", bio="Reads."))

    assert client.patch(ME, {"display_name": "Anna"}).json()["bio"] == "Reads."
    assert client.patch(ME, {}).json()["display_name"] == "Anna"


def test_address_id_and_rights_cannot_be_changed(
    make_user: Callable[..., Any], as_user: Callable[..., APIClient]
) -> None:
    ann = make_user("ann")
    forged = {"id": 1, "email": "root@example.org", "is_staff": True, "date_joined": "2000-01-01"}

    response = as_user(ann).patch(ME, forged)

    assert response.status_code == 200
    before = (ann.pk, ann.email, ann.is_staff, ann.date_joined)
    with as_staff():
        ann.refresh_from_db()
    assert before == (ann.pk, ann.email, ann.is_staff, ann.date_joined)


@pytest.mark.parametrize(
    "body",
    [
        {"display_name": ""},
        {"display_name": None},
        {"display_name": "x" * 81},
        {"bio": "x" * 2001},
        {"bio": "\x00"},
        {"bio": []},
        [],
        "text",
        5,
    ],
)
def test_bad_input_is_refused_and_changes_nothing(
    make_user: Callable[..., Any], as_user: Callable[..., APIClient], body: Any
) -> None:
    client = as_user(make_user("ann"))

    assert client.patch(ME, body).status_code == 400
    assert client.get(ME).json()["display_name"] == "Ann"


@pytest.mark.parametrize("method", ["put", "post"])
def test_other_methods_are_not_offered(
    make_user: Callable[..., Any], as_user: Callable[..., APIClient], method: str
) -> None:
    assert getattr(as_user(make_user("ann")), method)(ME, {}).status_code == 405


def test_a_change_costs_one_query_beside_those_of_the_token_and_the_usage(
    make_user: Callable[..., Any], as_user: Callable[..., APIClient]
) -> None:
    client = as_user(make_user("ann"))

    with counted_queries() as seen:
        client.patch(ME, {"bio": "Writes."})

    assert len(seen.sql) == 5, "\n".join(seen.sql)
    assert "password" not in seen.sql[2]
