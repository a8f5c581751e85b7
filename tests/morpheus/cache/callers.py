"""Users with a token and a session, and how these end."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import Any

from django.contrib.sessions.models import Session
from django.test import Client
from rest_framework.test import APIClient

from tests.conftest import as_staff
from tests.factories import secret_of
from users.models import AccessToken, User

API = "/api/v1"
Headers = dict[str, str]


@dataclass
class Caller:
    """A user with a token and a session.

    Attributes:
        client: Sends writes with the token.
    """

    user: Any
    client: APIClient
    browser: Client = field(default_factory=Client)

    def __post_init__(self) -> None:
        self.browser.force_login(self.user)

    @property
    def secret(self) -> str:
        return secret_of(self.client)

    @property
    def key(self) -> str:
        return str(self.browser.cookies["sessionid"].value)

    @property
    def token(self) -> Headers:
        return {"HTTP_AUTHORIZATION": f"Bearer {self.secret}"}

    @property
    def session(self) -> Headers:
        return {"HTTP_COOKIE": f"sessionid={self.key}"}


def expire_logins(caller: Caller, at: Any) -> None:
    """Let both credentials of a caller expire at a time."""
    with as_staff():
        AccessToken.objects.filter(user=caller.user).update(expires_at=at)
        Session.objects.filter(pk=caller.key).update(expire_date=at)


def end_logins(caller: Caller) -> None:
    assert caller.client.delete(f"{API}/auth/token/").status_code == 204
    assert caller.browser.post(f"{API}/auth/logout/").status_code == 204


def set_active(caller: Caller, is_active: bool) -> None:
    with as_staff():
        User.objects.filter(pk=caller.user.pk).update(is_active=is_active)
