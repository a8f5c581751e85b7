"""POST /users/."""

from __future__ import annotations

import threading
from typing import Any

import pytest
from django.db import connection
from rest_framework.test import APIClient

from tests.conftest import PASSWORD, as_staff
from tests.users.conftest import TOKEN, USERS
from tests.visitor import counted_queries
from users.models import User

pytestmark = pytest.mark.django_db

ANN = {"email": "ann@example.org", "password": PASSWORD, "display_name": "Ann"}


def test_a_registered_user_can_log_in(api: APIClient) -> None:
    response = api.post(USERS, ANN)

    assert response.status_code == 201
    assert set(response.json()) == {
        *("id", "email", "email_confirmed", "display_name", "bio", "date_joined")
    }
    with as_staff():
        user = User.objects.get(pk=response.json()["id"])
    assert (user.is_staff, user.is_superuser, user.is_active) == (False, False, True)
    assert api.post(TOKEN, {"email": ANN["email"], "password": PASSWORD}).status_code == 200


def test_registering_grants_no_rights(api: APIClient) -> None:
    response = api.post(USERS, ANN | {"is_staff": True, "is_superuser": True, "id": 7})

    with as_staff():
        user = User.objects.get(email=ANN["email"])
    assert response.status_code == 201
    assert (user.is_staff, user.is_superuser) == (False, False)
    assert user.pk != 7


@pytest.mark.parametrize("email", ["ann@example.org", "ANN@Example.Org", " ann@example.org "])
def test_an_address_that_is_taken_is_refused_in_any_case(api: APIClient, email: str) -> None:
    api.post(USERS, ANN)

    response = api.post(USERS, ANN | {"email": email})

    assert response.status_code == 400
    assert response.json()["errors"]["email"] == ["A user with this address exists."]
    with as_staff():
        assert User.objects.count() == 1


@pytest.mark.parametrize(
    "field, value",
    [
        ("email", "nobody"),
        ("email", ""),
        ("email", "a" * 250 + "@example.org"),
        ("email", "a\x00@example.org"),
        ("email", None),
        ("email", ["ann@example.org"]),
        ("password", "x7!k"),
        ("password", "password123"),
        ("password", "8462517390"),
        ("password", "ann@example.org"),
        ("password", "long enough\x00"),
        ("password", "correct horse " * 80),
        ("password", {"a": 1}),
        ("password", True),
        ("display_name", " "),
        ("display_name", "x" * 81),
        ("display_name", "nul\x00"),
    ],
)
def test_bad_input_names_the_field_and_never_repeats_the_password(
    api: APIClient, field: str, value: Any
) -> None:
    body = ANN | {field: value}

    response = api.post(USERS, body)

    assert response.status_code == 400
    assert list(response.json()["errors"]) == [field]
    if isinstance(body["password"], str):
        assert body["password"] not in response.content.decode()
    with as_staff():
        assert not User.objects.exists()


def test_ones_own_name_is_a_weak_password(api: APIClient) -> None:
    response = api.post(
        USERS, ANN | {"display_name": "Annabella Rose", "password": "annabellarose"}
    )

    assert list(response.json()["errors"]) == ["password"]


@pytest.mark.parametrize("field", ["email", "password", "display_name"])
def test_every_field_is_required(api: APIClient, field: str) -> None:
    response = api.post(USERS, {name: value for name, value in ANN.items() if name != field})

    assert response.status_code == 400
    assert list(response.json()["errors"]) == [field]


def test_the_password_is_stored_as_typed(api: APIClient) -> None:
    api.post(USERS, ANN | {"password": "  spaces around it  "})

    with as_staff():
        assert User.objects.get().check_password("  spaces around it  ")


def test_no_password_reaches_the_log(api: APIClient, caplog: pytest.LogCaptureFixture) -> None:
    caplog.set_level("DEBUG")
    secret = "a password to look for"

    api.post(USERS, ANN | {"password": secret})
    api.post(USERS, ANN | {"password": secret})
    api.post(TOKEN, {"email": ANN["email"], "password": secret})
    api.post(TOKEN, {"email": ANN["email"], "password": f"not {secret}"})

    assert secret not in caplog.text


def test_registering_costs_three_queries(api: APIClient) -> None:
    """The id, the row, and the mail that confirms the address."""
    with counted_queries() as seen:
        api.post(USERS, ANN)

    assert len(seen.sql) == 3, "\n".join(seen.sql)


@pytest.mark.django_db(transaction=True)
def test_concurrent_registrations_make_one_user_and_refuse_the_others() -> None:
    start = threading.Barrier(6)
    responses = []

    def register(email: str) -> None:
        start.wait()
        try:
            responses.append(APIClient().post(USERS, ANN | {"email": email}).status_code)
        finally:
            connection.close()

    emails = ["ann@example.org", "ANN@example.org", "Ann@Example.org"] * 2
    threads = [threading.Thread(target=register, args=[email]) for email in emails]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()

    assert sorted(responses) == [201, 400, 400, 400, 400, 400]
    with as_staff():
        assert User.objects.count() == 1
