"""A credential that has ended gets no response that the cache holds for it."""

from __future__ import annotations

import time
from collections.abc import Callable
from dataclasses import dataclass
from datetime import timedelta
from typing import Any

import psycopg
import pytest
from django.utils import timezone

from morpheus.cache.outbox import drain
from morpheus.cache.store import cache_store
from morpheus.db.transactions import write_transaction
from novels.models import Novel
from tests.conftest import PASSWORD
from tests.morpheus.cache.callers import (
    API,
    Caller,
    Headers,
    end_logins,
    expire_logins,
    set_active,
)
from users.models import User
from users.views.profile import UserView

pytestmark = [pytest.mark.django_db(transaction=True), pytest.mark.usefixtures("one_request_id")]


def change_password(caller: Caller) -> None:
    with write_transaction(as_user=caller.user.pk):
        user = User.objects.get(pk=caller.user.pk)
        user.set_password("another")
        user.save(update_fields=["password"])


def change_password_by_api(caller: Caller) -> None:
    body = {"current_password": PASSWORD, "new_password": "another long one"}
    assert caller.client.post(f"{API}/users/me/password/", body).status_code == 204


def delete_user(caller: Caller) -> None:
    with write_transaction(as_user=caller.user.pk):
        Novel.objects.filter(owner=caller.user).delete()
        User.objects.filter(pk=caller.user.pk).delete()


def delete_account(caller: Caller) -> None:
    body = {"current_password": PASSWORD}
    assert caller.client.delete(f"{API}/users/me/", body).status_code == 202


ENDS: dict[str, Callable[[Caller], None]] = {
    "logout": end_logins,
    "new password": change_password,
    "new password by the API": change_password_by_api,
    "inactive": lambda caller: set_active(caller, False),
    "expired": lambda caller: expire_logins(caller, timezone.now()),
    "deleted": delete_user,
    "deleted by the API": delete_account,
}


@dataclass
class Reads:
    """Reads with the credentials of one user, each beside Django's response without a cache.

    Attributes:
        own, public: Paths that need a login, and paths that need none.
    """

    ask: Callable[..., Any]
    own: list[str]
    public: list[str]
    token: Headers
    session: Headers

    def status_of(self, path: str, headers: Headers) -> int:
        """Return the status, which is the same without a cache."""
        alone = self.ask(path, alone=True, **headers)
        assert [self.ask(path, **headers) for _ in range(2)] == [alone] * 2, (path, headers)
        return int(alone[0])

    def assert_valid(self) -> None:
        for headers in (self.token, self.session, self.token | self.session):
            for path in self.own + self.public:
                assert self.status_of(path, headers) == 200, (path, headers)

    def assert_ended(self) -> None:
        """A token's requests are refused, a session's are anonymous."""
        for path in self.public:
            assert self.status_of(path, {}) == 200, path  # Cached for anonymous readers, too.
        for path in self.own + self.public:
            assert self.status_of(path, self.token) == 401, path
            assert self.status_of(path, self.token | self.session) == 401, path
            is_public = path in self.public
            assert self.status_of(path, self.session) in ((200,) if is_public else (401, 404)), path


@pytest.fixture
def reads(ask: Callable[..., Any], ann: Caller, make_novels: Callable[..., list[Any]]) -> Reads:
    """Ann's reads, with a warm cache."""
    [private] = make_novels(1, owner=ann.user, is_public=False)
    [public] = make_novels(1)
    own = ["users/me/", "users/me/dashboard/", "novels/?owner=me"]
    own += [f"novels/{private.pk}/", f"novels/{private.pk}/status/"]
    public_paths = [f"{API}/novels/{public.pk}/", f"{API}/novels/"]
    reads = Reads(ask, [f"{API}/{path}" for path in own], public_paths, ann.token, ann.session)
    reads.assert_valid()
    return reads


@pytest.mark.parametrize("end", ENDS)
def test_an_ended_login_is_over_for_every_read(reads: Reads, ann: Caller, end: str) -> None:
    ENDS[end](ann)

    reads.assert_ended()


def test_a_login_that_psql_deletes_is_over(
    reads: Reads, ann: Caller, psql: psycopg.Connection
) -> None:
    psql.execute("DELETE FROM users_token")
    psql.execute("DELETE FROM django_session")
    drain(cache_store().invalidate, psql)

    reads.assert_ended()


@pytest.mark.timing
def test_a_login_expires_without_a_write(reads: Reads, ann: Caller) -> None:
    expires_at = timezone.now() + timedelta(seconds=2)
    expire_logins(ann, expires_at)
    reads.assert_valid()

    time.sleep((expires_at - timezone.now()).total_seconds())

    reads.assert_ended()


def test_a_user_that_is_active_again_is_logged_in_again(reads: Reads, ann: Caller) -> None:
    set_active(ann, False)
    reads.assert_ended()

    set_active(ann, True)

    reads.assert_valid()


def test_another_login_in_the_same_browser_ends_the_session(
    reads: Reads, ann: Caller, make_caller: Callable[..., Caller]
) -> None:
    body = {"email": make_caller("bob").user.email, "password": PASSWORD}
    response = ann.browser.post(f"{API}/auth/login/", body, "application/json")
    assert response.status_code == 200

    for path in reads.own:
        assert reads.status_of(path, reads.session) in (401, 404), path
    assert reads.status_of(f"{API}/users/me/", ann.session) == 200


@pytest.mark.parametrize("kind", ["token", "session"])
def test_a_withdrawn_novel_is_for_its_owner_alone(
    ask: Callable[..., Any],
    ann: Caller,
    make_caller: Callable[..., Caller],
    make_novels: Callable[..., list[Any]],
    kind: str,
) -> None:
    bob = make_caller("bob")
    [novel] = make_novels(1, owner=ann.user)
    path = f"{API}/novels/{novel.pk}/"
    readers: list[Headers] = [{}, getattr(bob, kind), getattr(ann, kind)]

    for visibility, statuses in (
        ("public", [200, 200, 200]),
        ("private", [404, 404, 200]),
        ("public", [200, 200, 200]),
    ):
        body = {"visibility": visibility, "title": f"A {visibility} title"}
        assert ann.client.patch(path, body).status_code == 200
        alone = [ask(path, alone=True, **headers) for headers in readers]
        assert [status for status, *_ in alone] == statuses
        for _ in range(2):
            assert [ask(path, **headers) for headers in readers] == alone


def test_a_new_name_is_seen_by_every_reader(
    ask: Callable[..., Any],
    ann: Caller,
    make_caller: Callable[..., Caller],
    make_novels: Callable[..., list[Any]],
) -> None:
    bob = make_caller("bob")
    [novel] = make_novels(1, owner=ann.user)
    path = f"{API}/novels/{novel.pk}/"
    for name in ("First", "Second"):
        assert ann.client.patch(f"{API}/users/me/", {"display_name": name}).status_code == 200
        for headers in ({}, bob.token, bob.session, ann.token, ann.session):
            for _ in range(2):
                _, _, body = ask(path, **headers)
                assert f'"{name}"'.encode() in body, headers
        _, _, body = ask(f"{API}/users/me/", **ann.session)
        assert f'"{name}"'.encode() in body


@pytest.mark.parametrize("kind", ["token", "session"])
def test_a_login_ends_after_a_read_that_was_repeated(
    ask: Callable[..., Any], ann: Caller, monkeypatch: pytest.MonkeyPatch, kind: str
) -> None:
    """A read that failed on the replica is repeated; its session was authenticated before."""
    dispatch = UserView.dispatch

    def dispatch_twice(view: UserView, request: Any) -> Any:
        dispatch(view, request)
        return dispatch(UserView(), request)

    path, headers = f"{API}/users/me/", getattr(ann, kind)
    with monkeypatch.context() as patch:
        patch.setattr(UserView, "dispatch", dispatch_twice)
        assert ask(path, **headers)[0] == 200
    assert ask(path, **headers)[0] == 200
    end_logins(ann)

    assert ask(path, **headers)[0] == 401
