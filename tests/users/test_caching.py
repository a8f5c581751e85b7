"""The cached identity of callers costs no query when warm, and follows every change at once."""

from __future__ import annotations

from collections.abc import Callable
from datetime import timedelta
from pathlib import Path
from typing import Any

import pytest
from django.utils import timezone
from pytest_django import Settings
from rest_framework.test import APIClient

from morpheus.cache import sessions
from morpheus.cache.shadow_verification import verify
from morpheus.cache.store import cache_store
from morpheus.db.transactions import write_transaction
from tests.cached_shapes import assert_shape_is_kept
from tests.conftest import PASSWORD, as_staff
from tests.factories import secret_of
from tests.users.conftest import ME, TOKEN
from tests.visitor import counted_queries
from users.authentication import token_digest, token_secret
from users.cache_policies import ACCOUNT, NAME, USAGE
from users.cache_policies import TOKEN as TOKEN_POLICY
from users.models import AccessToken, User
from users.reads import user_names, user_read

SHAPES = Path(__file__).parent / "cached_shapes"

pytestmark = pytest.mark.django_db(transaction=True)


@pytest.fixture
def client(as_user: Callable[..., APIClient], ann: User) -> APIClient:
    """Ann's client, whose token and user are in the cache."""
    client = as_user(ann)
    assert client.get(ME).status_code == 200
    return client


@pytest.fixture
def warm_browser(browser: APIClient, log_in: Callable[..., Any], ann: User) -> APIClient:
    """Ann's browser, whose session and user are in the cache."""
    log_in(ann)
    assert browser.get(ME).status_code == 200
    return browser


def digest_of(client: APIClient) -> bytes:
    return token_digest(secret_of(client))


def server_keys() -> list[bytes]:
    [keys] = cache_store().client.run(lambda prefix: [("KEYS", "*")])
    return sorted(keys)


def test_a_token_costs_two_queries_beside_the_usage_cold_and_none_warm(
    as_user: Callable[..., APIClient], ann: User
) -> None:
    client = as_user(ann)

    with counted_queries() as cold:
        first = client.get(ME)
    with counted_queries() as warm:
        second = client.get(ME)

    assert (len(cold.sql), len(warm.sql)) == (4, 0)
    assert first.json() == second.json()
    assert first["ETag"] == second["ETag"]


def test_a_session_costs_two_queries_beside_the_usage_cold_and_none_warm(
    browser: APIClient, log_in: Callable[..., Any], ann: User
) -> None:
    log_in(ann)

    with counted_queries() as cold:
        first = browser.get(ME)
    with counted_queries() as warm:
        second = browser.get(ME)

    assert (len(cold.sql), len(warm.sql)) == (4, 0)
    assert first.json() == second.json()


def by_the_api(ann: User, client: APIClient, by_psql: Callable[..., None]) -> None:
    assert client.patch(ME, {"bio": "Writes."}).status_code == 200


def by_update(ann: User, client: APIClient, by_psql: Callable[..., None]) -> None:
    with as_staff():
        User.objects.filter(pk=ann.pk).update(bio="Writes.")


def by_operator(ann: User, client: APIClient, by_psql: Callable[..., None]) -> None:
    by_psql("UPDATE users_user SET bio = 'Writes.' WHERE id = %s", ann.pk)


@pytest.mark.parametrize("change", [by_the_api, by_update, by_operator])
def test_a_changed_profile_is_shown_at_once(
    ann: User,
    client: APIClient,
    warm_browser: APIClient,
    by_psql: Callable[..., None],
    change: Callable[..., Any],
) -> None:
    change(ann, client, by_psql)

    for reader in (client, warm_browser):
        assert reader.get(ME).json()["bio"] == "Writes."


def test_a_name_stays_cached_until_it_changes(ann: User, by_psql: Callable[..., None]) -> None:
    for name, change in (("Ann", None), ("Anna", "Anna"), ("Anne", "Anne")):
        if change == "Anna":
            with write_transaction(as_user=ann.pk):
                User.objects.filter(pk=ann.pk).update(display_name=change)
        elif change:
            by_psql("UPDATE users_user SET display_name = %s WHERE id = %s", change, ann.pk)
        with counted_queries() as cold:
            assert user_names([ann.pk]) == {ann.pk: name}
        with counted_queries() as warm:
            assert user_names([ann.pk]) == {ann.pk: name}
        assert (len(cold.sql), len(warm.sql)) == (1, 0)


def revoke(ann: User, client: APIClient, by_psql: Callable[..., None]) -> None:
    assert client.delete(TOKEN).status_code == 204


def revoke_as_staff(ann: User, client: APIClient, by_psql: Callable[..., None]) -> None:
    with as_staff():
        AccessToken.objects.filter(user=ann).delete()


def revoke_by_operator(ann: User, client: APIClient, by_psql: Callable[..., None]) -> None:
    by_psql("DELETE FROM users_token WHERE user_id = %s", ann.pk)


def expire_by_operator(ann: User, client: APIClient, by_psql: Callable[..., None]) -> None:
    by_psql("UPDATE users_token SET expires_at = now() - interval '1 second'")


@pytest.mark.parametrize("end", [revoke, revoke_as_staff, revoke_by_operator, expire_by_operator])
def test_a_revoked_or_expired_token_is_401(
    ann: User, client: APIClient, by_psql: Callable[..., None], end: Callable[..., Any]
) -> None:
    end(ann, client, by_psql)

    assert client.get(ME).status_code == 401


def change_password(ann: User, by_psql: Callable[..., None]) -> None:
    ann.set_password("another long password")
    with as_staff():
        ann.save()


def deactivate(ann: User, by_psql: Callable[..., None]) -> None:
    with as_staff():
        User.objects.filter(pk=ann.pk).update(is_active=False)


def deactivate_by_operator(ann: User, by_psql: Callable[..., None]) -> None:
    by_psql("UPDATE users_user SET is_active = false WHERE id = %s", ann.pk)


def delete(ann: User, by_psql: Callable[..., None]) -> None:
    with as_staff():
        ann.delete()


def delete_by_operator(ann: User, by_psql: Callable[..., None]) -> None:
    by_psql("DELETE FROM users_user WHERE id = %s", ann.pk)


@pytest.mark.parametrize(
    "end", [change_password, deactivate, deactivate_by_operator, delete, delete_by_operator]
)
def test_a_locked_out_user_is_refused_at_once(
    ann: User,
    client: APIClient,
    warm_browser: APIClient,
    by_psql: Callable[..., None],
    end: Callable[..., Any],
) -> None:
    end(ann, by_psql)

    assert client.get(ME).status_code == 401
    assert warm_browser.get(ME).status_code == 401


def test_a_reactivated_user_is_accepted_at_once(
    ann: User, client: APIClient, by_psql: Callable[..., None]
) -> None:
    deactivate(ann, by_psql)
    assert client.get(ME).status_code == 401

    with as_staff():
        User.objects.filter(pk=ann.pk).update(is_active=True)

    assert client.get(ME).status_code == 200


def test_a_cached_token_expires(client: APIClient, monkeypatch: pytest.MonkeyPatch) -> None:
    later = timezone.now() + timedelta(days=2)
    monkeypatch.setattr(timezone, "now", lambda: later)

    assert client.get(ME).status_code == 401


def test_a_guessed_token_or_session_stores_nothing_in_the_cache(
    api: APIClient, ann: User, client: APIClient, settings: Settings
) -> None:
    before = server_keys()
    for guess in range(3):
        api.credentials(HTTP_AUTHORIZATION=f"Bearer {guess}")
        assert api.get(ME).status_code == 401
    api.credentials()
    for guess in range(3):
        api.cookies[settings.SESSION_COOKIE_NAME] = f"{guess:032}"
        assert api.get(ME).status_code == 401

    assert server_keys() == before


def test_a_token_that_was_guessed_before_it_was_made_works(api: APIClient, ann: User) -> None:
    guessed = token_secret()
    api.credentials(HTTP_AUTHORIZATION=f"Bearer {guessed}")
    assert api.get(ME).status_code == 401

    with write_transaction(as_user=ann.pk):
        AccessToken.objects.create(
            user=ann,
            digest=token_digest(guessed),
            expires_at=timezone.now() + timedelta(days=1),
        )

    assert api.get(ME).status_code == 200


def test_the_cache_holds_neither_secret_nor_password_hash(
    ann: User, client: APIClient, warm_browser: APIClient
) -> None:
    secret = secret_of(client)
    strings = [key for key in server_keys() if b"users." in key]
    values = cache_store().client.run(lambda prefix: [("GET", key) for key in strings])

    assert len(strings) >= 2
    for text in (secret, ann.password, *ann.password.split("$")[1:]):
        assert not any(text.encode() in each for each in (*strings, *values))


def test_sessions_stay_valid_while_the_old_secret_key_is_a_fallback(
    warm_browser: APIClient, settings: Settings
) -> None:
    old = settings.SECRET_KEY
    settings.SECRET_KEY, settings.SECRET_KEY_FALLBACKS = "new", [old]
    assert warm_browser.get(ME).status_code == 200

    settings.SECRET_KEY_FALLBACKS = []
    assert warm_browser.get(ME).status_code == 200  # By its first use it got the new one.
    settings.SECRET_KEY = "newer"
    assert warm_browser.get(ME).status_code == 401


def test_concurrent_requests_of_a_browser_stay_logged_in_after_a_new_secret_key(
    warm_browser: APIClient, settings: Settings
) -> None:
    name = settings.SESSION_COOKIE_NAME
    key = warm_browser.cookies[name].value
    settings.SECRET_KEY, settings.SECRET_KEY_FALLBACKS = "new", [settings.SECRET_KEY]

    keys = set()
    for _ in range(3):
        warm_browser.cookies[name] = key
        assert warm_browser.get(ME).status_code == 200
        keys.add(warm_browser.cookies[name].value)

    assert len(keys) == 3 and "" not in keys and key not in keys


def test_a_session_whose_key_was_replaced_ends_soon(
    warm_browser: APIClient, settings: Settings, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(sessions, "REPLACED_TTL_S", 0)
    name = settings.SESSION_COOKIE_NAME
    key = warm_browser.cookies[name].value
    settings.SECRET_KEY, settings.SECRET_KEY_FALLBACKS = "new", [settings.SECRET_KEY]
    assert warm_browser.get(ME).status_code == 200

    warm_browser.cookies[name] = key

    assert warm_browser.get(ME).status_code == 401


def test_saving_a_cached_user_writes_only_the_changed_fields(ann: User, client: APIClient) -> None:
    cached = user_read(ann.pk)
    assert cached is not None
    with as_staff():
        User.objects.filter(pk=ann.pk).update(bio="Writes.", is_staff=True)

    cached.display_name = "Anna"
    with as_staff():
        cached.save()

        ann.refresh_from_db()
    assert (ann.display_name, ann.bio, ann.is_staff) == ("Anna", "Writes.", True)


def test_a_cached_user_loads_the_password_at_its_first_use(ann: User, client: APIClient) -> None:
    cached = user_read(ann.pk)
    assert cached is not None
    assert "password" not in cached.__dict__

    with write_transaction(as_user=ann.pk):
        assert cached.check_password(PASSWORD)
        cached.set_password("another long password")
        cached.save()

    again = user_read(ann.pk)
    assert again is not None
    assert cached.get_session_auth_hash() == again.get_session_auth_hash()
    assert client.get(ME).status_code == 401


def test_an_account_is_cached_for_its_own_reader_alone(
    ann: User, client: APIClient, make_user: Callable[..., Any]
) -> None:
    assert cache_store().fetch([ACCOUNT.key(ann.pk, ann.pk)]) != [None]
    for other in (None, make_user("ben").pk):
        assert cache_store().fetch([ACCOUNT.key(ann.pk, other)]) == [None]


def test_cached_values_have_the_shape_of_their_versions(ann: User, client: APIClient) -> None:
    user_names([ann.pk])

    assert_shape_is_kept(SHAPES, NAME, ann.pk)
    assert_shape_is_kept(SHAPES, TOKEN_POLICY, digest_of(client).hex())
    assert_shape_is_kept(SHAPES, ACCOUNT, ann.pk, ann.pk)
    assert_shape_is_kept(SHAPES, USAGE, "novels", ann.pk)


def test_verification_reports_no_token_whose_user_is_inactive(
    ann: User,
    client: APIClient,
    by_psql: Callable[..., None],
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    sampled: list[Any] = []
    monkeypatch.setattr("morpheus.cache.batch_read.sample", lambda build: sampled.append(build()))
    client.get(ME)
    [token] = [hits for hits in sampled if hits.policy is TOKEN_POLICY]

    deactivate_by_operator(ann, by_psql)

    assert verify(token) == {"same": 1}
