"""Every write of users and their tokens."""

from __future__ import annotations

from collections.abc import Callable
from datetime import timedelta
from typing import Any

from django.conf import settings
from django.db import IntegrityError, connection
from django.utils import timezone

from morpheus.api.domain_errors import DomainError
from morpheus.db.transactions import write_transaction
from morpheus.django_internals.django import has_new_password
from morpheus.worker.housekeeping import delete_in_batches
from users.authentication import token_digest, token_secret
from users.models import AccessToken, User


class EmailTaken(DomainError):
    """Another user has this address."""

    field = "email"
    code = "unique"


class NotAnOperator(Exception):
    """The address belongs to a user that is not an operator and must not become one."""


def user_register(*, email: str, password: str, display_name: str) -> User:
    """Create an active user without rights.

    The unique constraint decides between two concurrent registrations of one address.

    Raises:
        EmailTaken: The address belongs to a user already.
    """
    user = User(email=User.objects.normalize_email(email), display_name=display_name)
    user.set_password(password)  # Before the transaction, because it takes long.
    try:
        User.objects.register(user)
    except IntegrityError as error:
        raise EmailTaken("A user with this address exists.") from error
    return user


def user_update(*, user: User, **changes: str) -> None:
    """Write columns of the profile."""
    for name, value in changes.items():
        setattr(user, name, value)
    if changes:
        user.save(update_fields=[*changes])


def operator_ensure(*, email: str, password: Callable[[], str]) -> bool:
    """Create a superuser unless there is an active one; tell whether it was created.

    Existing users keep their passwords and rights. Concurrent runs create one superuser.

    Args:
        password: Returns the new superuser's password; called by one run at a time.

    Raises:
        NotAnOperator: The address belongs to another user, perhaps by registration.
    """
    with write_transaction(as_staff=True), connection.cursor() as cursor:
        cursor.execute("SELECT pg_advisory_xact_lock(hashtext('morpheus operator'))")
        if User.objects.operators().exists():
            return False
        if User.objects.filter(email=email).exists():
            raise NotAnOperator
        User.objects.create_superuser(email, password(), display_name="Operator")
        return True


def token_create(*, user: User) -> tuple[str, AccessToken]:
    """Create a token; return its secret, which is not stored, and the token.

    Deletes the user's expired tokens, so that no other job has to.
    """
    now = timezone.now()
    secret = token_secret()
    with write_transaction(as_user=user.pk):
        AccessToken.objects.filter(user=user, expires_at__lte=now).delete()
        token = AccessToken.objects.create(
            digest=token_digest(secret),
            user=user,
            created_at=now,
            expires_at=now + timedelta(days=settings.MORPHEUS_TOKEN_TTL_DAYS),
        )
        user.last_login = now
        user.save(update_fields=["last_login"])
    return secret, token


def token_revoke(*, token_id: int) -> None:
    """Delete a token, if it exists."""
    AccessToken.objects.filter(pk=token_id).delete()


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
        AccessToken.objects.filter(user=instance).delete()
