"""Who is calling: a bearer token or Django's session cookie."""

from __future__ import annotations

from django.utils import timezone
from rest_framework import authentication, exceptions
from rest_framework.request import Request

from users.models import AccessToken, User
from users.tokens import token_digest


class BearerAuthentication(authentication.BaseAuthentication):
    """`Authorization: Bearer <token>`. Budget: 1 query for token and user."""

    keyword = "Bearer"

    def authenticate(self, request: Request) -> tuple[User, AccessToken] | None:
        """Return user and token, None without this header.

        Raises:
            AuthenticationFailed: The token is unknown, revoked, expired, or its user inactive.
        """
        scheme, _, secret = request.headers.get("Authorization", "").partition(" ")
        if scheme.lower() != "bearer":
            return None
        tokens = AccessToken.objects.live(timezone.now()).with_user()
        token = tokens.filter(digest=token_digest(secret.strip())).first()
        if token is None:
            raise exceptions.AuthenticationFailed("The token is unknown, expired or revoked.")
        return token.user, token

    def authenticate_header(self, request: Request) -> str:
        return self.keyword


class SessionAuthentication(authentication.SessionAuthentication):
    """Django's session, with CSRF protection for whatever changes something."""
