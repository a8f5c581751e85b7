"""Every write of users and their tokens."""

from __future__ import annotations

from collections.abc import Callable
from datetime import timedelta
from typing import Any

from django.conf import settings
from django.db import IntegrityError, connection
from django.utils import timezone

from morpheus.db.transactions import write_transaction
from morpheus.django_internals.django import has_new_password
from users.models import AccessToken, User
from users.tokens import token_digest, token_secret


class EmailTaken(Exception):
    """Somebody already has this address."""


class NotAnOperator(Exception):
    """The address belongs to somebody who is no operator, and must not become one by accident."""


def user_register(*, email: str, password: str, display_name: str) -> User:
    """Make an active user without any rights.

    The unique constraint decides who of two that race gets the address.

    Raises:
        EmailTaken: The address belongs to a user already.
    """
    user = User(email=User.objects.normalize_email(email), display_name=display_name)
    user.set_password(password)  # Takes long: before the transaction, not in it.
    try:
        User.objects.register(user)
    except IntegrityError as error:
        raise EmailTaken from error
    return user


def user_update(*, user: User, **changes: str) -> None:
    """Write the given columns of the profile, and no others."""
    for name, value in changes.items():
        setattr(user, name, value)
    if changes:
        user.save(update_fields=[*changes])


def operator_ensure(*, email: str, password: Callable[[], str]) -> bool:
    """Make a superuser unless there is an active one; tell whether one was made.

    Nobody's password or rights change. Runs at the same time make one superuser together.

    Args:
        email: The new superuser's address.
        password: Called for the new superuser's password, by one run at a time.

    Raises:
        NotAnOperator: The address is taken, perhaps by a stranger who registered with it.
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
    """Log the user in with a new token; return its secret, known only now, and the token.

    The user's expired tokens go at this moment, so that nothing else has to sweep.
    """
    now = timezone.now()
    secret = token_secret()
    with write_transaction(as_user=user.pk):
        AccessToken.objects.of_user(user.pk).expired(now).delete()
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
    """Make one token worthless; no error if it is so already."""
    AccessToken.objects.filter(pk=token_id).delete()


def tokens_revoke_all(*, user_id: int) -> int:
    """Make every token of a user worthless; return how many there were."""
    return AccessToken.objects.of_user(user_id).delete()[0]


def tokens_revoke_with_password(
    instance: User, created: bool, raw: bool = False, **signal: Any
) -> None:
    """Revoke all tokens of a user whose password is being changed, wherever that happens.

    A receiver of `post_save`: the admin, `changepassword` and code all come by here. Sessions end
    by themselves, because they carry a hash of the password's hash.
    """
    # `_password` is set between `set_password` and the end of `save`, but not when a login only
    # brings the hash up to date.
    if not created and not raw and has_new_password(instance):
        tokens_revoke_all(user_id=instance.pk)
