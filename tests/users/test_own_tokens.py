"""/users/me/tokens/: list, make and revoke tokens; scopes; the last use."""

from __future__ import annotations

import time
from collections.abc import Callable
from datetime import datetime, timedelta
from typing import Any

import pytest
from django.conf import settings
from django.utils import timezone
from rest_framework.test import APIClient

from morpheus.db.transactions import write_transaction
from morpheus.tracing.request_trace import FinishedRequest
from tests.conftest import PASSWORD, as_staff
from tests.factories import secret_of
from tests.users.conftest import LOGIN, ME, TOKEN
from tests.visitor import Visitor, counted_queries
from users.models import AccessToken
from users.services.token_uses import INTERVAL_S, TokenUses

pytestmark = pytest.mark.django_db

TOKENS = "/api/v1/users/me/tokens/"
READ = {"name": "Reader", "scopes": ["read"]}
WRITE = {"name": "Writer", "scopes": ["read", "write"]}


@pytest.fixture
def client(as_user: Callable[..., APIClient], ann: Any) -> APIClient:
    return as_user(ann)


def with_token(secret: str) -> APIClient:
    client = APIClient()
    client.credentials(HTTP_AUTHORIZATION=f"Bearer {secret}")
    return client


def list_tokens(client: APIClient) -> list[dict[str, Any]]:
    response = client.get(TOKENS)
    assert response.status_code == 200
    results: list[dict[str, Any]] = response.json()["results"]
    return results


def test_a_named_token_is_shown_once_and_authenticates(client: APIClient) -> None:
    response = client.post(TOKENS, WRITE)

    assert response.status_code == 201
    assert response.headers["Cache-Control"] == "no-store"
    body = response.json()
    assert body["scopes"] == ["read", "write"] and body["name"] == "Writer"
    assert body["token"].startswith(body["prefix"]) and len(body["prefix"]) == 8
    assert body["token"] not in client.get(TOKENS).content.decode()
    assert with_token(body["token"]).patch(ME, {"bio": "x"}).status_code == 200


def test_the_list_has_what_recognizes_a_token_and_names_the_current_one(
    client: APIClient, api: APIClient, ann: Any
) -> None:
    login = api.post(TOKEN, {"email": ann.email, "password": PASSWORD}).json()["token"]
    reader = with_token(client.post(TOKENS, READ).json()["token"])

    tokens = list_tokens(reader)

    assert [each["name"] for each in tokens] == ["Reader", "", ""]
    assert [each["is_current"] for each in tokens] == [True, False, False]
    assert tokens[1]["prefix"] == login[:8]
    assert set(tokens[0]) == {
        *("id", "name", "prefix", "scopes", "created_at", "last_used_at", "expires_at"),
        "is_current",
    }
    assert [each["is_current"] for each in list_tokens(with_token(login))] == [False, True, False]


def test_the_list_has_valid_tokens_of_the_caller_in_pages(
    client: APIClient, ann: Any, make_user: Callable[..., Any], as_user: Callable[..., APIClient]
) -> None:
    as_user(make_user("bob"))
    for number in range(4):
        client.post(TOKENS, READ | {"name": f"Token {number}"})
    with as_staff():
        expired = AccessToken.objects.filter(name="Token 3")
        expired.update(expires_at=timezone.now() - timedelta(seconds=1))

    first = client.get(TOKENS, {"page_size": 3}).json()
    second = client.get(first["next"]).json()

    names = [each["name"] for each in first["results"] + second["results"]]
    assert names == ["Token 2", "Token 1", "Token 0", ""]
    assert second["next"] is None
    stranger = as_user(make_user("eve"))
    assert stranger.get(first["next"]).status_code == 400


def test_the_list_costs_the_same_however_many_tokens(
    client: APIClient, ann: Any, assert_flat_queries: Callable[..., None]
) -> None:
    def grow() -> None:
        for _ in range(10):
            client.post(TOKENS, READ)

    assert_flat_queries(lambda: client.get(TOKENS), grow, budget=3)


def test_a_revoked_token_is_refused_and_others_stay(client: APIClient) -> None:
    made = client.post(TOKENS, WRITE).json()
    program = with_token(made["token"])
    assert program.get(ME).status_code == 200

    assert client.delete(f"{TOKENS}{made['id']}/").status_code == 204

    assert program.get(ME).status_code == 401
    assert client.get(ME).status_code == 200
    assert client.delete(f"{TOKENS}{made['id']}/").status_code == 404


def test_tokens_of_others_are_neither_listed_nor_revoked(
    client: APIClient, make_user: Callable[..., Any], as_user: Callable[..., APIClient]
) -> None:
    bobs = as_user(make_user("bob"))
    made = bobs.post(TOKENS, WRITE).json()

    assert client.delete(f"{TOKENS}{made['id']}/").status_code == 404
    assert made["id"] not in [each["id"] for each in list_tokens(client)]
    assert with_token(made["token"]).get(ME).status_code == 200


def test_row_level_security_alone_hides_the_tokens_of_others(
    client: APIClient, make_user: Callable[..., Any]
) -> None:
    client.post(TOKENS, READ)

    with write_transaction(as_user=make_user("bob").pk):
        assert not AccessToken.objects.exists()
        assert AccessToken.objects.update(can_write=True) == 0
    with write_transaction():
        assert not AccessToken.objects.exists()


@pytest.mark.parametrize("method", ["get", "post"])
def test_anonymous_callers_are_401(api: APIClient, method: str) -> None:
    assert getattr(api, method)(TOKENS).status_code == 401
    assert api.delete(f"{TOKENS}1/").status_code == 401


@pytest.mark.parametrize(
    ("method", "path"),
    [
        ("patch", ME),
        ("post", "/api/v1/novels/"),
        ("post", "/api/v1/comics/"),
        ("post", TOKENS),
        ("delete", TOKEN),
        ("post", "/api/v1/users/me/password/"),
        ("delete", "/api/v1/novels/1/"),
    ],
)
def test_a_token_that_may_only_read_is_403_for_every_write(
    client: APIClient, method: str, path: str
) -> None:
    reader = with_token(client.post(TOKENS, READ).json()["token"])

    for _ in range(2):  # The second reads the token from the cache.
        response = getattr(reader, method)(path, {})
        assert response.status_code == 403
        assert response.headers["Content-Type"] == "application/problem+json"
        assert "scope `read`" in response.json()["detail"]
    for read in (ME, "/api/v1/novels/", TOKENS):
        assert reader.get(read).status_code == 200
    assert reader.options(ME).status_code == 200


@pytest.mark.parametrize(
    ("body", "field"),
    [
        ({"scopes": ["read"]}, "name"),
        (READ | {"name": " "}, "name"),
        (READ | {"name": "x" * 101}, "name"),
        (READ | {"name": "a\u202eb"}, "name"),
        (READ | {"scopes": []}, "scopes"),
        (READ | {"scopes": ["write"]}, "scopes"),
        (READ | {"scopes": ["read", "admin"]}, "scopes"),
        (READ | {"scopes": "read"}, "scopes"),
        (READ | {"scopes": [["read"]]}, "scopes"),
        (READ | {"expires_in_days": 0}, "expires_in_days"),
        (READ | {"expires_in_days": 10**30}, "expires_in_days"),
        (READ | {"expires_in_days": "soon"}, "expires_in_days"),
    ],
)
def test_nonsense_is_400_and_names_the_field(
    client: APIClient, body: dict[str, Any], field: str
) -> None:
    response = client.post(TOKENS, body)

    assert response.status_code == 400
    assert list(response.json()["errors"]) == [field]


@pytest.mark.parametrize("token_id", ["0", "9" * 30, "x"])
def test_nonsense_ids_are_404(client: APIClient, token_id: str) -> None:
    assert client.delete(f"{TOKENS}{token_id}/").status_code == 404


def test_a_token_lives_no_longer_than_a_login_or_than_the_token_that_made_it(
    client: APIClient, browser: APIClient, ann: Any
) -> None:
    def expiry(client: APIClient, **headers: Any) -> timedelta:
        response = client.post(TOKENS, READ | {"expires_in_days": 36_500}, **headers)
        return datetime.fromisoformat(response.json()["expires_at"]) - timezone.now()

    browser.post(LOGIN, {"email": ann.email, "password": PASSWORD})
    token = browser.cookies[settings.CSRF_COOKIE_NAME].value

    # That of the fixture is valid for a day.
    assert timedelta(hours=23) < expiry(client) <= timedelta(days=1)
    most = timedelta(days=settings.MORPHEUS_TOKEN_TTL_DAYS)
    assert most - timedelta(hours=1) < expiry(browser, HTTP_X_CSRFTOKEN=token) <= most


def use(token_id: int | None, at: float) -> FinishedRequest:
    return FinishedRequest("GET /novels/", 200, 0.01, "id", token_id=token_id, at=at)


def test_the_last_use_is_written_once_an_hour(client: APIClient, ann: Any) -> None:
    with as_staff():
        token = AccessToken.objects.get(user=ann)
    uses, other_process, now = TokenUses(), TokenUses(), time.time()

    def write(noted: TokenUses, *times: float) -> int:
        noted.note([use(token.pk, at) for at in times] + [use(None, now), use(10**9, now)])
        with counted_queries() as seen:
            noted.write()
        return len(seen.sql)

    assert write(uses, now, now + 1) == 1
    assert write(uses, now + 2) == 0
    assert write(other_process, now + INTERVAL_S - 1) == 1
    with as_staff():
        token.refresh_from_db()
    assert token.last_used_at and abs(token.last_used_at.timestamp() - now - 1) < 0.01
    assert write(uses, now + INTERVAL_S + 2) == 1
    with as_staff():
        token.refresh_from_db()
    assert token.last_used_at.timestamp() > now + INTERVAL_S
    assert list_tokens(client)[0]["last_used_at"] is not None


@pytest.mark.django_db(transaction=True)
def test_a_use_counts_whether_django_or_the_response_cache_responds(
    client: APIClient, ann: Any, visitor: Visitor, monkeypatch: pytest.MonkeyPatch
) -> None:
    seen: list[FinishedRequest] = []
    monkeypatch.setattr("morpheus.tracing.events.on_requests_finished", [seen.extend])
    credentials = {"HTTP_AUTHORIZATION": f"Bearer {secret_of(client)}"}
    with as_staff():
        token = AccessToken.objects.get(user=ann)

    responses = [visitor.get(ME, **credentials) for _ in range(3)]
    visitor.get("/api/v1/novels/")

    assert [response.was_cached for response in responses][0::2] == [False, True]
    assert [request.token_id for request in seen] == [token.pk] * 3 + [None]
    assert all(not response.queries for response in responses[1:])


def test_a_request_writes_no_use(client: APIClient) -> None:
    with counted_queries() as seen:
        client.get(ME)

    assert not [sql for sql in seen.sql if sql.startswith("UPDATE")]
