"""Authentication by bearer token or session cookie, its OpenAPI description, and passwords."""

from __future__ import annotations

import hashlib
import re
import secrets
from typing import Any

from django.conf import settings
from django.contrib.auth.backends import ModelBackend
from django.core.exceptions import ValidationError
from django.utils import timezone
from drf_spectacular.extensions import OpenApiAuthenticationExtension
from rest_framework import authentication
from rest_framework.exceptions import AuthenticationFailed, PermissionDenied
from rest_framework.permissions import SAFE_METHODS
from rest_framework.request import Request

from morpheus.db.name_fields import has_visible_character
from morpheus.db.transactions import write_transaction
from users.models import AccessToken, User
from users.reads import token_read, user_read

# 256 random bits cannot be guessed, so a fast digest protects them as well as a slow one.
_SECRET_BYTES = 32
_SECRET = re.compile(r"[A-Za-z0-9_-]{43}")


def token_secret() -> str:
    """Return the secret of a new token, URL-safe."""
    return secrets.token_urlsafe(_SECRET_BYTES)


def token_digest(secret: str) -> bytes:
    """Return the SHA-256 of a secret, which the database stores."""
    return hashlib.sha256(secret.encode()).digest()


class BearerAuthentication(authentication.TokenAuthentication):
    """`Authorization: Bearer <token>`."""

    keyword = "Bearer"
    credentials_header = "HTTP_AUTHORIZATION"

    def authenticate(self, request: Request) -> tuple[User, AccessToken] | None:
        """Return user and token, None without a token.

        Raises:
            PermissionDenied: The token may only read, and the request may write.
        """
        caller: tuple[User, AccessToken] | None = super().authenticate(request)
        if caller is not None and not caller[1].can_write and request.method not in SAFE_METHODS:
            raise PermissionDenied("This token has the scope `read` only.", "insufficient_scope")
        return caller

    def authenticate_credentials(self, key: str) -> tuple[User, AccessToken]:
        """Return user and token.

        Raises:
            AuthenticationFailed: The token is unknown, revoked, expired, or its user inactive.
        """
        # Another text needs no look-up.
        token = token_read(token_digest(key)) if _SECRET.fullmatch(key) else None
        user = user_read(token.user_id) if token is not None else None
        if token is None or user is None or not user.is_active:
            raise AuthenticationFailed("Invalid or expired token.")
        token.user = user
        return user, token


class SessionAuthentication(authentication.SessionAuthentication):
    """Django's session, with CSRF protection of writes."""

    credentials_header = "HTTP_COOKIE"

    def authenticate(self, request: Request) -> tuple[User, None] | None:
        """Return the user of the session, None without a session."""
        if settings.SESSION_COOKIE_NAME not in request.COOKIES:
            return None
        return super().authenticate(request)

    def enforce_csrf(self, request: Request) -> None:
        """Refuse a write without a valid CSRF token, with a code of its own."""
        try:
            super().enforce_csrf(request)
        except PermissionDenied as error:
            raise PermissionDenied(str(error.detail), "csrf_failed") from error


class OwnRowBackend(ModelBackend):
    """Django's backend; it reads the row of a session's user as that user."""

    def get_user(self, user_id: int) -> User | None:
        """Return the active user of a session, from the cache or by 1 query."""
        user = user_read(user_id)
        return user if user is not None and self.user_can_authenticate(user) else None


def user_record_login(sender: Any, user: User, **signal: Any) -> None:
    """Write the time of a login, as the user; replaces Django's receiver of `user_logged_in`."""
    user.last_login = timezone.now()
    with write_transaction(as_user=user.pk):
        user.save(update_fields=["last_login"])


class VisiblePasswordValidator:
    """Refuses passwords without a visible character."""

    def validate(self, password: str, user: Any = None) -> None:
        if not has_visible_character(password):
            raise ValidationError(self.get_help_text(), code="password_invisible")

    def get_help_text(self) -> str:
        return "A password has at least one visible character."


class BearerScheme(OpenApiAuthenticationExtension):  # type: ignore[no-untyped-call] # no stubs
    target_class = "users.authentication.BearerAuthentication"
    name = "bearer"

    def get_security_definition(self, auto_schema: Any) -> dict[str, str]:
        return {"type": "http", "scheme": "bearer", "description": "From POST /auth/token/."}


class SessionScheme(OpenApiAuthenticationExtension):  # type: ignore[no-untyped-call] # no stubs
    target_class = "users.authentication.SessionAuthentication"
    name = "session"

    def get_security_definition(self, auto_schema: Any) -> dict[str, str]:
        return {
            "type": "apiKey",
            "in": "cookie",
            "name": settings.SESSION_COOKIE_NAME,
            "description": "From POST /auth/login/; writes send the cookie "
            f"`{settings.CSRF_COOKIE_NAME}` back as the header `X-CSRFToken`.",
        }
