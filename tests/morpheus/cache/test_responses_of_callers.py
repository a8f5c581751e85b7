"""The response cache for callers with a token or a session."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import pytest
from django.test import Client
from django.utils import timezone
from pytest_django import Settings

from morpheus.cache import response_cache
from morpheus.cache.redis_client import RedisClient
from morpheus.cache.shadow_verification import verify
from morpheus.cache.store import cache_store
from tests.conftest import PASSWORD, as_staff
from tests.factories import secret_of
from tests.users.conftest import LOGOUT, ME, TOKEN
from tests.visitor import Visitor, VisitorResponse
from users.models import User

pytestmark = pytest.mark.django_db(transaction=True)


class Caller:
    """A user with a token or a session, reading through the response cache."""

    def __init__(self, user: User, visitor: Visitor, client: Any, **credential: str) -> None:
        self.user, self.client, self.credential = user, client, credential
        self.visitor = visitor

    def get(self, url: str, **environ: str) -> VisitorResponse:
        return self.visitor.get(url, **self.credential | environ)

    def warm(self, url: str) -> VisitorResponse:
        """Return the second response, which the cache sends."""
        first, second = self.get(url), self.get(url)
        assert (first.status, second.status) == (200, 200)
        assert second.was_cached and not second.queries
        assert 'cache;desc="hit"' in second.headers["Server-Timing"]
        return second


@pytest.fixture
def ann(make_user: Callable[..., User]) -> User:
    return make_user("ann")


@pytest.fixture(params=["token", "session"])
def caller(
    request: pytest.FixtureRequest, ann: User, visitor: Visitor, as_user: Callable[..., Any]
) -> Caller:
    if request.param == "token":
        client = as_user(ann)
        return Caller(ann, visitor, client, HTTP_AUTHORIZATION=f"Bearer {secret_of(client)}")
    browser = Client()
    assert browser.login(username=ann.email, password=PASSWORD)
    key = browser.cookies["sessionid"].value
    cookies = f"theme=dark; sessionid={key}; csrftoken={'a' * 32}"
    return Caller(ann, visitor, browser, HTTP_COOKIE=cookies)


@pytest.fixture
def private(make_novels: Callable[..., list[Any]], ann: User) -> str:
    """The URL of a private novel, long enough to be worth compressing."""
    [novel] = make_novels(1, owner=ann, is_public=False, synopsis="Long. " * 500)
    return f"/api/v1/novels/{novel.pk}/"


@pytest.fixture
def public(make_novels: Callable[..., list[Any]]) -> str:
    [novel] = make_novels(1, synopsis="Long. " * 500)
    return f"/api/v1/novels/{novel.pk}/"


def test_an_own_response_is_sent_from_the_cache_uncompressed(caller: Caller, private: str) -> None:
    caller.warm(private)

    response = caller.get(private, HTTP_ACCEPT_ENCODING="gzip")
    unchanged = caller.get(private, HTTP_IF_NONE_MATCH=response.headers["ETag"])

    assert response.was_cached and "Content-Encoding" not in response.headers
    assert response.headers["Cache-Control"] == "private, no-cache"
    assert (unchanged.status, unchanged.body, unchanged.was_cached) == (304, b"", True)


@pytest.fixture
def round_trips(monkeypatch: pytest.MonkeyPatch) -> list[None]:
    """Grows with each round trip to Redis."""
    trips: list[None] = []
    call = RedisClient._call

    def count(client: RedisClient, exchange: Any) -> Any:
        trips.append(None)
        return call(client, exchange)

    monkeypatch.setattr(RedisClient, "_call", count)
    return trips


def test_a_hit_takes_one_round_trip(
    caller: Caller, private: str, public: str, round_trips: list[None]
) -> None:
    for url in (private, public):
        caller.warm(url)
        copies = caller.visitor.cache._copies
        caller.visitor.cache._copies = type(copies)()  # As in another process.

        trips = []
        for _ in range(2):
            round_trips.clear()
            assert caller.get(url).was_cached
            trips.append(len(round_trips))

        assert trips == [1, 1]


def test_a_public_response_is_cached_once_for_all_callers(
    caller: Caller, visitor: Visitor, public: str
) -> None:
    visitor.get(public)
    caller.warm(ME)  # The cache knows the credential.

    response = caller.get(public, HTTP_ACCEPT_ENCODING="gzip")

    assert response.was_cached and response.headers["Content-Encoding"] == "gzip"
    assert response.headers["Cache-Control"] == "public, no-cache"


def test_a_caller_fills_the_public_response_for_all(
    caller: Caller, visitor: Visitor, public: str
) -> None:
    caller.get(public)

    assert visitor.get(public).was_cached


def test_no_other_caller_gets_an_own_response(
    caller: Caller, visitor: Visitor, private: str, make_user: Any, as_user: Callable[..., Any]
) -> None:
    caller.warm(private)
    bob = f"Bearer {secret_of(as_user(make_user('bob')))}"

    assert visitor.get(private).status == 404
    assert [visitor.get(private, HTTP_AUTHORIZATION=bob).status for _ in range(2)] == [404, 404]


def test_an_own_response_hides_no_later_publication(
    caller: Caller, visitor: Visitor, private: str
) -> None:
    caller.warm(private)

    with as_staff():
        caller.user.novels.update(is_public=True)

    assert visitor.get(private).status == 200
    assert caller.warm(private).headers["Cache-Control"] == "public, no-cache"


def test_an_unpublished_novel_is_the_owners_alone(
    caller: Caller, visitor: Visitor, private: str, round_trips: list[None]
) -> None:
    with as_staff():
        caller.user.novels.update(is_public=True)
    caller.warm(private)
    assert visitor.get(private).status == 200

    with as_staff():
        caller.user.novels.update(is_public=False)

    assert visitor.get(private).status == 404
    assert caller.warm(private).headers["Cache-Control"] == "private, no-cache"
    # No copy of the public response is in the way.
    round_trips.clear()
    assert caller.get(private).was_cached
    assert len(round_trips) == 1


def revoke(caller: Caller) -> None:
    if "HTTP_COOKIE" in caller.credential:
        assert caller.client.post(LOGOUT).status_code == 204
    else:
        assert caller.client.delete(TOKEN).status_code == 204


def deactivate(caller: Caller) -> None:
    with as_staff():
        User.objects.filter(pk=caller.user.pk).update(is_active=False)


def delete(caller: Caller) -> None:
    with as_staff():
        caller.user.novels.all().delete()
        User.objects.get(pk=caller.user.pk).delete()


@pytest.mark.parametrize("end", [revoke, deactivate, delete])
def test_a_credential_that_ended_gets_nothing_from_the_cache(
    caller: Caller, private: str, public: str, end: Callable[[Caller], None]
) -> None:
    caller.warm(private)
    caller.warm(public)
    caller.warm(ME)

    end(caller)

    assert not caller.get(public).was_cached

    assert [caller.get(ME).status for _ in range(2)] == [401, 401]
    assert caller.get(private).status in (401, 404)


def test_a_changed_password_ends_sessions_and_tokens(caller: Caller, private: str) -> None:
    caller.warm(private)

    caller.user.set_password("another long password")
    with as_staff():
        caller.user.save()

    assert caller.get(private).status == (404 if "HTTP_COOKIE" in caller.credential else 401)


def test_a_credential_expires_by_the_clock(
    caller: Caller, private: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    caller.warm(private)
    later = timezone.now().timestamp() + 400 * 24 * 3600

    monkeypatch.setattr("morpheus.cache.response_cache.time.time", lambda: later)

    assert not caller.get(private).was_cached
    cache = caller.visitor.cache
    cache._copies = type(cache._copies)()
    assert not caller.get(private).was_cached


def test_a_changed_profile_is_shown_at_once(caller: Caller) -> None:
    caller.warm(ME)

    with as_staff():
        User.objects.filter(pk=caller.user.pk).update(bio="Writes.")

    assert caller.get(ME).json()["bio"] == "Writes."


def test_new_secret_keys_end_all_records(caller: Caller, private: str, settings: Settings) -> None:
    caller.warm(private)

    settings.SECRET_KEY = "another"

    assert not caller.get(private).was_cached


def test_no_credential_is_in_redis(caller: Caller, private: str) -> None:
    caller.warm(private)
    [secret] = caller.credential.values()
    secret = secret.removeprefix("Bearer ").partition("sessionid=")[2][:32] or secret[-43:]

    [keys] = cache_store().client.run(lambda prefix: [("KEYS", "*")])
    strings = [key for key in keys if b"throttle" not in key]
    values = cache_store().client.run(lambda prefix: [("GET", key) for key in strings])

    assert any(b"credentials:" in key for key in keys)
    assert not any(secret.encode() in (text or b"") for text in (*keys, *values))


def test_verification_after_a_logout_reports_nothing_stale(
    caller: Caller, private: str, public: str, settings: Settings, monkeypatch: pytest.MonkeyPatch
) -> None:
    sampled: list[Any] = []
    caller.warm(private)
    caller.warm(public)
    monkeypatch.setattr(response_cache, "sample", lambda build: sampled.append(build()))
    caller.get(private)
    caller.get(public)

    revoke(caller)

    assert [{**verify(hits)} for hits in sampled] == [{"changed": 1}, {"same": 1}]


@pytest.mark.parametrize(
    "credential",
    [
        {"HTTP_AUTHORIZATION": "Bearer short"},
        {"HTTP_AUTHORIZATION": f"Bearer {'x' * 43}"},
        {"HTTP_COOKIE": f"sessionid={'x' * 32}"},
        {"HTTP_COOKIE": "sessionid="},
    ],
)
def test_an_invalid_credential_is_refused_beside_a_warm_cache(
    visitor: Visitor, public: str, credential: dict[str, str]
) -> None:
    visitor.get(public)
    assert visitor.get(public).was_cached

    responses = [visitor.get(public, **credential) for _ in range(2)]

    assert not any(response.was_cached for response in responses)
    expected = 401 if "HTTP_AUTHORIZATION" in credential else 200
    assert [response.status for response in responses] == [expected] * 2
