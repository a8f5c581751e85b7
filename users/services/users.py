"""Create users and change their profiles."""

from __future__ import annotations

from collections.abc import Callable

from django.db import IntegrityError, connection

from morpheus.api.domain_errors import DomainError
from morpheus.db.transactions import write_transaction
from users.models import User
from users.services.mails import CONFIRMATION, mail_enqueue


class EmailTaken(DomainError):
    """Another user has this address."""

    field = "email"
    code = "unique"


class NotAnOperator(Exception):
    """The address belongs to a user that is not an operator and must not become one."""


def user_register(*, email: str, password: str, display_name: str) -> User:
    """Create an active user without rights, and queue the mail that confirms the address.

    The unique constraint decides between two concurrent registrations of one address.

    Raises:
        EmailTaken: The address belongs to a user already.
    """
    user = User(email=User.objects.normalize_email(email), display_name=display_name)
    user.set_password(password)  # Before the transaction, because it takes long.
    try:
        with User.objects.registering(user):
            mail_enqueue(CONFIRMATION, user.pk)
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
