"""Create and revoke the tokens of users."""

from __future__ import annotations

from datetime import datetime, timedelta
from typing import Any

from django.conf import settings
from django.utils import timezone

from morpheus.db.transactions import write_transaction
from morpheus.django_internals.django import has_new_password
from morpheus.worker.housekeeping import delete_in_batches
from users.authentication import token_digest, token_secret
from users.models import AccessToken, User

# Characters of a secret that the table has, of 43. The others have 208 random bits.
PREFIX_CHARS = 8


def token_create(*, user: User) -> tuple[str, AccessToken]:
    """Create the token of a login; return its secret, which is not stored, and the token."""
    now = timezone.now()
    with write_transaction(as_user=user.pk):
        secret, token = _token_insert(user_id=user.pk, created_at=now)
        user.last_login = now
        user.save(update_fields=["last_login"])
    token.user = user
    return secret, token


def token_create_named(
    *,
    user_id: int,
    name: str,
    can_write: bool,
    ttl: timedelta | None = None,
    expires_by: datetime | None = None,
) -> tuple[str, AccessToken]:
    """Create a token for a program; return its secret, which is not stored, and the token.

    Args:
        ttl: By default, and at most, that of the token of a login.
        expires_by: Expiry of the token that asks for another one. A stolen token cannot outlive
            itself.
    """
    now = timezone.now()
    expires_at = now + min(ttl or _most(), _most())
    if expires_by is not None:
        expires_at = min(expires_at, expires_by)
    return _token_insert(
        user_id=user_id, created_at=now, name=name, can_write=can_write, expires_at=expires_at
    )


def _token_insert(*, created_at: datetime, **columns: Any) -> tuple[str, AccessToken]:
    secret = token_secret()
    columns.setdefault("expires_at", created_at + _most())
    token = AccessToken.objects.create(
        digest=token_digest(secret),
        prefix=secret[:PREFIX_CHARS],
        created_at=created_at,
        **columns,
    )
    return secret, token


def _most() -> timedelta:
    return timedelta(days=settings.MORPHEUS_TOKEN_TTL_DAYS)


def token_revoke(*, token_id: int) -> bool:
    """Delete a token; return whether it existed. Row level security hides those of others."""
    deleted, _ = AccessToken.objects.filter(pk=token_id).delete()
    return bool(deleted)


def tokens_revoke(*, user_id: int) -> None:
    """Delete all tokens of a user. Invalidates `token:<digest>` of each."""
    AccessToken.objects.filter(user_id=user_id).delete()


def tokens_delete_expired() -> int:
    """Delete the expired tokens of all users; return their number. Invalidates `token:<digest>`."""
    return delete_in_batches(AccessToken.objects.filter(expires_at__lte=timezone.now()))


def tokens_revoke_with_password(
    instance: User, created: bool, raw: bool = False, **signal: Any
) -> None:
    """Revoke all tokens of a user after a new password; a receiver of `post_save`.

    Covers the admin, `changepassword` and code. Sessions become invalid anyway, because they hold
    a hash of the password's hash.
    """
    # A login that only upgrades the hash sets no new password.
    if not created and not raw and has_new_password(instance):
        tokens_revoke(user_id=instance.pk)
