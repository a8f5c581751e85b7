"""Responses are compressed whether or not they are cached, and never with a secret."""

from __future__ import annotations

import gzip
import io
import json
from collections.abc import Callable
from typing import Any

import pytest
from rest_framework.test import APIClient

from morpheus.cache.store import CacheStore
from tests.factories import PASSWORD, secret_of
from tests.visitor import Visitor, VisitorResponse

pytestmark = pytest.mark.django_db(transaction=True)

API = "/api/v1"
GZIP = {"HTTP_ACCEPT_ENCODING": "gzip, deflate, br, zstd"}
PER_REQUEST = {"X-Request-ID", "Server-Timing"}


def kept_headers(response: VisitorResponse) -> dict[str, str]:
    return {name: text for name, text in response.headers.items() if name not in PER_REQUEST}


@pytest.fixture
def novels(make_novels: Callable[..., list[Any]]) -> list[Any]:
    return make_novels(20, synopsis="All work and no play makes Jack a dull boy.")


@pytest.mark.parametrize("is_cached", [True, False])
def test_a_miss_is_compressed_as_its_hit_is(
    visitor: Visitor, novels: list[Any], monkeypatch: pytest.MonkeyPatch, is_cached: bool
) -> None:
    if not is_cached:
        # Redis is away.
        monkeypatch.setattr(CacheStore, "is_readable", lambda store: False)
    url = f"{API}/novels/"

    miss, again = visitor.get(url, **GZIP), visitor.get(url, **GZIP)
    plain = visitor.get(url)

    assert (miss.was_cached, again.was_cached) == (False, is_cached)
    assert miss.body == again.body and gzip.decompress(miss.body) == plain.body
    assert len(miss.body) < len(plain.body) / 3
    assert kept_headers(miss) == kept_headers(again)
    own = {
        "Content-Encoding": "gzip",
        "Content-Length": str(len(miss.body)),
        "ETag": f"W/{plain.headers['ETag']}",
    }
    assert kept_headers(miss) == kept_headers(plain) | own
    for etag in (miss.headers["ETag"], plain.headers["ETag"]):
        unchanged = visitor.get(url, HTTP_IF_NONE_MATCH=etag, **GZIP)
        assert (unchanged.status, unchanged.body) == (304, b"")


@pytest.mark.parametrize("coding", ["", "identity", "br", "gzip;q=0", "zstd"])
def test_a_client_that_does_not_accept_gzip_gets_a_miss_as_it_is(
    visitor: Visitor, novels: list[Any], coding: str
) -> None:
    miss = visitor.get(f"{API}/novels/", HTTP_ACCEPT_ENCODING=coding)

    assert "Content-Encoding" not in miss.headers and len(miss.json()["results"]) == 20
    assert "Accept-Encoding" in miss.headers["Vary"]


def test_a_short_response_stays_plain(visitor: Visitor, novels: list[Any]) -> None:
    miss = visitor.get(f"{API}/novels/?fields=id", **GZIP)

    assert "Content-Encoding" not in miss.headers and len(miss.body) < 1024


def test_private_responses_are_never_compressed(
    visitor: Visitor, as_user: Callable[..., APIClient], make_user: Any, make_novels: Any
) -> None:
    ann = make_user("ann", bio="All work and no play. " * 20)
    make_novels(20, owner=ann, is_public=False, synopsis="All work and no play.")
    token = {"HTTP_AUTHORIZATION": f"Bearer {secret_of(as_user(ann))}"}

    for path in ("/novels/?owner=me", "/users/me/", "/users/me/tokens/", "/users/me/dashboard/"):
        for _ in range(2):
            response = visitor.get(f"{API}{path}", **GZIP, **token)
            assert response.status == 200
            assert "Content-Encoding" not in response.headers
            assert "Accept-Encoding" not in response.headers["Vary"]


def test_a_response_with_a_new_token_is_never_compressed(
    visitor: Visitor, make_user: Callable[..., Any]
) -> None:
    # Long enough for compression.
    make_user("ann", display_name="A" * 80, bio="All work and no play. " * 80)
    body = json.dumps({"email": "ann@example.org", "password": PASSWORD}).encode()
    post: dict[str, Any] = {
        "REQUEST_METHOD": "POST",
        "CONTENT_TYPE": "application/json",
        "CONTENT_LENGTH": str(len(body)),
        "wsgi.input": io.BytesIO(body),
    }

    response = visitor.get(f"{API}/auth/token/", **GZIP, **post)

    assert response.status == 200 and len(response.body) > 1024
    assert response.json()["token"] and "Content-Encoding" not in response.headers
