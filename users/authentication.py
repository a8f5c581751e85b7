"""Who is calling: a bearer token or Django's session cookie."""

from __future__ import annotations

from typing import Any

from django.conf import settings
from django.contrib.auth.backends import ModelBackend
from django.utils import timezone
from rest_framework import authentication, exceptions
from rest_framework.request import Request

from morpheus.db.transactions import write_transaction
from users.models import AccessToken, User
from users.reads import token_find, user_find
from users.tokens import is_secret, token_digest


class BearerAuthentication(authentication.BaseAuthentication):
    """`Authorization: Bearer <token>`. Budget: none warm; cold 2 queries, token and user."""

    keyword = "Bearer"

    def authenticate(self, request: Request) -> tuple[User, AccessToken] | None:
        """Return user and token, None without this header.

        Raises:
            AuthenticationFailed: The token is unknown, revoked, expired, or its user inactive.
        """
        scheme, _, secret = request.headers.get("Authorization", "").partition(" ")
        if scheme.lower() != "bearer":
            return None
        secret = secret.strip()
        token = token_find(token_digest(secret)) if is_secret(secret) else None
        user = token and user_find(token.user_id)
        if token is None or user is None or not user.is_active:
            raise exceptions.AuthenticationFailed("The token is unknown, expired or revoked.")
        token.user = user
        return user, token

    def authenticate_header(self, request: Request) -> str:
        return self.keyword


class SessionAuthentication(authentication.SessionAuthentication):
    """Django's session, with CSRF protection for whatever changes something."""

    def authenticate(self, request: Request) -> tuple[User, None] | None:
        """Return who is logged in, None without a session."""
        if settings.SESSION_COOKIE_NAME not in request.COOKIES:
            return None
        return super().authenticate(request)


class OwnRowBackend(ModelBackend):
    """Django's backend; the row of who is known by a session is read as themselves."""

    def get_user(self, user_id: int) -> User | None:
        """Return the active user of a session, from the cache or else by 1 query."""
        user = user_find(user_id)
        return user if user is not None and self.user_can_authenticate(user) else None


def login_remember(sender: Any, user: User, **signal: Any) -> None:
    """Write when somebody last logged in, in their own name; in place of Django's receiver."""
    user.last_login = timezone.now()
    with write_transaction(as_user=user.pk):
        user.save(update_fields=["last_login"])
