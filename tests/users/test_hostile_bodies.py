"""Bodies that no honest client sends: always a 4xx, never a fault of ours."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import pytest
from rest_framework.test import APIClient

from tests.users.conftest import LOGIN, TOKEN, USERS

pytestmark = pytest.mark.django_db

BODIES = {
    "nothing": b"",
    "not JSON": b"{",
    "a number": b"1",
    "null": b"null",
    "a list": b"[1]",
    "a string": b'"x"',
    "not a number": b'{"email": NaN}',
    "too many digits": b'{"email": ' + b"9" * 10_000 + b"}",
    "not UTF-8": b'{"email": "\xff\xfe"}',
    "UTF-16": '{"email": "a"}'.encode("utf-16"),
    "nested deeply": b"[" * 200_000,
    "nested deeply in a field": b'{"email": ' + b"[" * 200_000,
    "long": b'{"email": "' + b"a" * 3_000_000 + b'"}',
    "long password": b'{"email": "a@b.org", "password": "' + b"a" * 1_025 + b'"}',
    "NUL": rb'{"email": "a@b.org\u0000", "password": "a\u0000b"}',
    "a lone surrogate": rb'{"email": "a@b.org", "password": "\ud800"}',
    "a lone surrogate as address": rb'{"email": "a@\ud800.org", "password": "a"}',
    "a lone surrogate as name": rb'{"\udfff": "a@b.org"}',
}


@pytest.mark.parametrize("url", [TOKEN, LOGIN, USERS])
@pytest.mark.parametrize("body", BODIES.values(), ids=BODIES)
def test_a_hostile_body_is_refused_with_a_problem(api: APIClient, url: Any, body: Any) -> None:
    response = api.generic("POST", url, body, content_type="application/json")

    assert response.status_code == 400
    assert response.headers["Content-Type"] == "application/problem+json"


@pytest.mark.parametrize("field", ["genre", "language", "visibility"])
def test_a_lone_surrogate_is_not_repeated_in_an_error(
    as_user: Callable[..., APIClient],
    make_user: Callable[..., Any],
    make_novels: Callable[..., list[Any]],
    field: str,
) -> None:
    owner = make_user()
    (novel,) = make_novels(1, owner=owner)
    body = rb'{"%s": "\ud800"}' % field.encode()

    response = as_user(owner).generic(
        "PATCH", f"/api/v1/novels/{novel.pk}/", body.decode(), content_type="application/json"
    )

    assert response.status_code == 400


def test_a_surrogate_pair_is_a_character(
    as_user: Callable[..., APIClient], make_user: Callable[..., Any]
) -> None:
    body = rb'{"display_name": "\ud83d\ude00"}'

    response = as_user(make_user()).generic(
        "PATCH", "/api/v1/users/me/", body.decode(), content_type="application/json"
    )

    assert response.json()["display_name"] == "😀"


@pytest.mark.parametrize("charset", ["zlib", "rot13", "hex", "utf-16", "nonsense"])
def test_json_is_utf8_whatever_charset_is_claimed(api: APIClient, charset: str) -> None:
    body = b'{"email": "nobody@example.org", "password": "wrong"}'

    response = api.generic(
        "POST", TOKEN, body.decode(), content_type=f"application/json; charset={charset}"
    )

    assert response.status_code == 401
