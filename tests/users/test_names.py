"""Display names that others can read, and passwords that are more than spaces."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import pytest
from django.test import Client
from django.urls import reverse
from rest_framework.test import APIClient

from tests.conftest import PASSWORD, as_staff
from tests.users.conftest import ME, TOKEN, USERS
from users.models import User

pytestmark = pytest.mark.django_db

ANN = {"email": "ann@example.org", "password": PASSWORD, "display_name": "Ann"}
REFUSED = ["\u200b\u200b", "\u202eAnn", "A\u2066nn", "\u0301", "\u3164"]
SPACES = [" " * 8, "\u3000" * 8, "\u200b" * 8, " \u200b\u2060\t" * 4]


@pytest.mark.parametrize("name", REFUSED, ids=ascii)
def test_a_name_with_hidden_characters_is_refused(
    api: APIClient, make_user: Callable[..., Any], as_user: Callable[..., APIClient], name: str
) -> None:
    registered = api.post(USERS, ANN | {"display_name": name})
    changed = as_user(make_user("bob")).patch(ME, {"display_name": name})

    for response in (registered, changed):
        assert response.status_code == 400
        assert "visible character" in response.json()["errors"]["display_name"][0]


@pytest.mark.parametrize("name", ["می\u200cخواهم", "👩\u200d👩\u200d👧", "Zoe\u0308"], ids=ascii)
def test_a_name_in_any_script_is_shown_unchanged(api: APIClient, name: str) -> None:
    response = api.post(USERS, ANN | {"display_name": name})

    assert (response.status_code, response.json()["display_name"]) == (201, name)


def test_the_admin_refuses_the_same_names(client: Client, make_user: Callable[..., Any]) -> None:
    client.force_login(make_user("root", is_staff=True, is_superuser=True))
    add = reverse("admin:users_user_add")
    passwords = {"usable_password": "true", "password1": PASSWORD, "password2": PASSWORD}

    response = client.post(add, {"email": "x@example.org", "display_name": "\u202ex"} | passwords)

    assert response.status_code == 200
    assert "Remove the invisible characters: U+202E." in response.content.decode()
    with as_staff():
        assert not User.objects.filter(email="x@example.org").exists()


@pytest.mark.parametrize("password", SPACES, ids=ascii)
def test_a_password_of_invisible_characters_is_refused(api: APIClient, password: str) -> None:
    response = api.post(USERS, ANN | {"password": password})

    assert response.status_code == 400
    message = "A password has at least one visible character."
    assert message in response.json()["errors"]["password"]


def test_spaces_are_part_of_a_password(api: APIClient) -> None:
    password = "  correct horse \u200b "

    assert api.post(USERS, ANN | {"password": password}).status_code == 201
    assert api.post(TOKEN, {"email": ANN["email"], "password": password}).status_code == 200
    stripped = api.post(TOKEN, {"email": ANN["email"], "password": password.strip()})
    assert stripped.status_code == 401
