"""How often strangers may try."""

from __future__ import annotations

import pytest

from morpheus import throttling
from tests.conftest import PASSWORD
from tests.users.conftest import LOGIN, TOKEN, USERS

pytestmark = pytest.mark.django_db

ADMIN = "/admin/login/"


@pytest.fixture(autouse=True)
def three_of_each(settings, monkeypatch):
    """Allow three of each, in a window that does not end while the test runs."""
    settings.THROTTLE_RATES = dict.fromkeys(("login", "register", "write"), (3, 60))
    monkeypatch.setattr(throttling.time, "time", lambda: 6_000_010.0)


def test_too_many_attempts_from_one_place_are_refused(api):
    for number in range(3):
        body = {"email": f"user{number}@example.org", "password": "wrong"}
        assert api.post(TOKEN, body).status_code == 401

    answer = api.post(LOGIN, {"email": "another@example.org", "password": "wrong"})

    assert answer.status_code == 429
    assert answer.headers["Retry-After"] == "50"
    assert answer.headers["Content-Type"] == "application/problem+json"


def test_too_many_attempts_on_one_user_are_refused_wherever_they_come_from(api, make_user):
    make_user("ann")
    for number, email in enumerate(["ann@example.org", "ANN@example.org", " Ann@Example.org"]):
        body = {"email": email, "password": "wrong"}
        assert api.post(TOKEN, body, REMOTE_ADDR=f"10.0.0.{number}").status_code == 401

    body = {"email": "ann@example.org", "password": PASSWORD}
    assert api.post(TOKEN, body, REMOTE_ADDR="10.0.1.1").status_code == 429
    assert api.post(LOGIN, body, REMOTE_ADDR="10.0.1.2").status_code == 429


def test_who_is_refused_for_their_place_counts_on_no_user(api, make_user):
    make_user("ann")
    for _ in range(3):
        api.post(TOKEN, {"email": "nobody@example.org", "password": "wrong"})
    for _ in range(5):
        api.post(TOKEN, {"email": "ann@example.org", "password": "wrong"})

    body = {"email": "ann@example.org", "password": PASSWORD}
    assert api.post(TOKEN, body, REMOTE_ADDR="10.0.0.1").status_code == 200


@pytest.mark.parametrize("body", [[], "text", {"email": {"a": 1}}, {"email": None}])
def test_nonsense_counts_too_and_is_no_fault_of_ours(api, body):
    assert [api.post(TOKEN, body).status_code for _ in range(4)] == [400, 400, 400, 429]


def test_registrations_from_one_place_are_limited(api):
    def register(number):
        body = {"email": f"u{number}@example.org", "password": PASSWORD, "display_name": "U"}
        return api.post(USERS, body).status_code

    assert [register(number) for number in range(4)] == [201, 201, 201, 429]


def test_the_admins_login_form_is_limited_together_with_the_api(client, make_user):
    make_user("ann", is_staff=True, is_superuser=True)
    form = {"username": "ann@example.org", "password": "wrong"}
    for _ in range(2):
        client.post(ADMIN, form)
    client.post(TOKEN, {"email": "ann@example.org", "password": "w"}, "application/json")

    answer = client.post(ADMIN, form | {"password": PASSWORD})

    assert "Too many attempts; try again in 50 seconds." in answer.content.decode()
    assert "_auth_user_id" not in client.session
