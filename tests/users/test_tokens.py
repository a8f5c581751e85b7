"""POST and DELETE /auth/token/, and requests with a bearer token."""

from __future__ import annotations

from collections.abc import Callable
from datetime import datetime, timedelta
from typing import Any

import pytest
from django.conf import settings
from django.utils import timezone
from pytest_django import Settings
from rest_framework.test import APIClient

from tests.conftest import PASSWORD, as_staff
from tests.users.conftest import ME, TOKEN
from tests.visitor import counted_queries
from users.authentication import token_digest
from users.models import AccessToken

pytestmark = pytest.mark.django_db


def test_a_token_is_accepted_until_it_expires(
    api: APIClient, make_user: Callable[..., Any]
) -> None:
    ann = make_user("ann")

    response = api.post(TOKEN, {"email": "ann@example.org", "password": PASSWORD})

    assert response.status_code == 200
    assert response.headers["Cache-Control"] == "no-store"
    assert set(response.data) == {"token", "expires_at", "user"}
    assert response.json()["user"]["id"] == ann.pk
    days = datetime.fromisoformat(response.json()["expires_at"]) - timezone.now()
    assert timedelta(days=settings.MORPHEUS_TOKEN_TTL_DAYS - 1) < days
    api.credentials(HTTP_AUTHORIZATION=f"Bearer {response.data['token']}")
    assert api.get(ME).json()["email"] == "ann@example.org"


def test_the_database_stores_only_the_digest(api: APIClient, make_user: Callable[..., Any]) -> None:
    make_user("ann")

    secret = api.post(TOKEN, {"email": "ann@example.org", "password": PASSWORD}).data["token"]

    with as_staff():
        token = AccessToken.objects.get()
    assert bytes(token.digest) == token_digest(secret)
    assert secret not in str(token.__dict__)


def test_an_address_logs_in_however_it_is_typed(
    api: APIClient, make_user: Callable[..., Any]
) -> None:
    make_user("ann")

    response = api.post(TOKEN, {"email": " Ann@Example.ORG ", "password": PASSWORD})

    assert response.status_code == 200


def test_a_login_sets_last_login(api: APIClient, make_user: Callable[..., Any]) -> None:
    ann = make_user("ann")

    api.post(TOKEN, {"email": ann.email, "password": PASSWORD})

    with as_staff():
        ann.refresh_from_db()
    assert ann.last_login is not None


@pytest.mark.parametrize("email", ["ann@example.org", "nobody@example.org"])
def test_wrong_password_and_unknown_address_get_the_same_response(
    api: APIClient, make_user: Callable[..., Any], email: str
) -> None:
    make_user("ann")

    response = api.post(TOKEN, {"email": email, "password": "wrong"})

    assert response.status_code == 401
    assert response.headers["Content-Type"] == "application/problem+json"
    assert response.headers["WWW-Authenticate"] == "Bearer"
    assert response.json()["detail"] == "Invalid credentials."


@pytest.mark.parametrize("email", ["ann@example.org", "nobody@example.org"])
def test_wrong_password_and_unknown_address_cost_the_same_work(
    api: APIClient, make_user: Callable[..., Any], monkeypatch: pytest.MonkeyPatch, email: str
) -> None:
    from django.contrib.auth.hashers import MD5PasswordHasher

    make_user("ann")
    hashed: list[tuple[Any, ...]] = []
    encode = MD5PasswordHasher.encode

    def record_hash(*args: Any) -> str:
        hashed.append(args)
        return encode(*args)

    monkeypatch.setattr(MD5PasswordHasher, "encode", record_hash)

    with counted_queries() as seen:
        api.post(TOKEN, {"email": email, "password": "wrong"})

    assert len(hashed) == 1
    assert len(seen.sql) == 1


def test_an_inactive_user_cannot_log_in_and_their_token_is_401(
    api: APIClient, make_user: Callable[..., Any], as_user: Callable[..., APIClient]
) -> None:
    ann = make_user("ann")
    client = as_user(ann)
    ann.is_active = False
    with as_staff():
        ann.save(update_fields=["is_active"])

    assert api.post(TOKEN, {"email": ann.email, "password": PASSWORD}).status_code == 401
    assert client.get(ME).status_code == 401


def test_the_token_of_a_deleted_user_is_401(
    make_user: Callable[..., Any], as_user: Callable[..., APIClient]
) -> None:
    ann = make_user("ann")
    client = as_user(ann)

    with as_staff():
        ann.delete()

    assert client.get(ME).status_code == 401
    with as_staff():
        assert not AccessToken.objects.exists()


def test_an_expired_token_is_401(
    make_user: Callable[..., Any], as_user: Callable[..., APIClient]
) -> None:
    client = as_user(make_user("ann"))
    assert client.get(ME).status_code == 200

    with as_staff():
        AccessToken.objects.update(expires_at=timezone.now() - timedelta(microseconds=1))

    assert client.get(ME).status_code == 401


@pytest.mark.parametrize(
    "header",
    ["Bearer", "Bearer ", "Bearer a b", "Bearer " + "x" * 4000, "bearer \xff\xfe", "Bearer \t0"],
)
def test_a_garbage_token_is_401_and_says_how_to_log_in(api: APIClient, header: str) -> None:
    api.credentials(HTTP_AUTHORIZATION=header)

    response = api.get(ME)

    assert response.status_code == 401
    assert response.headers["Content-Type"] == "application/problem+json"
    assert response.headers["WWW-Authenticate"] == "Bearer"


def test_revoking_invalidates_only_the_token_used(
    make_user: Callable[..., Any], as_user: Callable[..., APIClient]
) -> None:
    ann = make_user("ann")
    used, other = as_user(ann), as_user(ann)

    assert used.delete(TOKEN).status_code == 204

    assert used.get(ME).status_code == 401
    assert used.delete(TOKEN).status_code == 401
    assert other.get(ME).status_code == 200


def test_without_a_bearer_token_there_is_nothing_to_revoke(
    api: APIClient, browser: APIClient, log_in: Callable[..., Any], make_user: Callable[..., Any]
) -> None:
    log_in(make_user("ann"))

    for client in (api, browser):
        response = client.delete(TOKEN)
        assert response.status_code == 401
        assert "Authorization: Bearer" in response.json()["detail"]


def test_a_stale_token_does_not_keep_its_owner_from_logging_in(
    api: APIClient, make_user: Callable[..., Any]
) -> None:
    make_user("ann")
    api.credentials(HTTP_AUTHORIZATION="Bearer stale")

    response = api.post(TOKEN, {"email": "ann@example.org", "password": PASSWORD})

    assert response.status_code == 200


def test_a_changed_password_revokes_every_token(
    make_user: Callable[..., Any], as_user: Callable[..., APIClient]
) -> None:
    ann, bob = make_user("ann"), make_user("bob")
    anns, bobs = as_user(ann), as_user(bob)

    ann.set_password("another long password")
    with as_staff():
        ann.save()

    assert anns.get(ME).status_code == 401
    assert bobs.get(ME).status_code == 200


def test_an_old_hash_is_upgraded_at_login_and_tokens_stay_valid(
    api: APIClient,
    make_user: Callable[..., Any],
    as_user: Callable[..., APIClient],
    settings: Settings,
) -> None:
    ann = make_user("ann")
    client = as_user(ann)
    old = ann.password
    settings.PASSWORD_HASHERS = [
        "tests.users.hashers.CheapPBKDF2",
        "django.contrib.auth.hashers.MD5PasswordHasher",
    ]

    api.post(TOKEN, {"email": ann.email, "password": PASSWORD})

    with as_staff():
        ann.refresh_from_db()
    assert ann.password != old and ann.password.startswith("pbkdf2_sha256$1$")
    assert client.get(ME).status_code == 200


def test_a_bearer_token_that_is_not_cached_costs_two_queries_beside_the_usage(
    make_user: Callable[..., Any], as_user: Callable[..., APIClient]
) -> None:
    # The token and its user, each kept on its own (test_caching.py: warm, none).
    client = as_user(make_user("ann"))

    with counted_queries() as seen:
        assert client.get(ME).status_code == 200

    assert len(seen.sql) == 4, "\n".join(seen.sql)


def test_logging_in_costs_three_queries(api: APIClient, make_user: Callable[..., Any]) -> None:
    make_user("ann")

    with counted_queries() as seen:
        api.post(TOKEN, {"email": "ann@example.org", "password": PASSWORD})

    assert len(seen.sql) == 3, "\n".join(seen.sql)
