"""Confirm and change e-mail addresses."""

from __future__ import annotations

from django.db import IntegrityError

from morpheus.api.domain_errors import DomainError
from morpheus.db.transactions import write_transaction
from users.mails import read_email_token
from users.models import User
from users.services.mails import CONFIRMATION, NEW_ADDRESS, NEW_ADDRESS_NOTICE, mail_enqueue


class InvalidToken(DomainError):
    """The token of a mail is unknown, expired, or of no use any more."""

    field = "token"
    code = "invalid_token"

    def __init__(self) -> None:
        super().__init__("Invalid or expired token. Ask for another mail.")


def email_request_change(*, user: User, email: str) -> None:
    """Send a mail to an address that is to become the user's, and a notice to the present one.

    The present address gets a mail that confirms it. Whether another user has the address changes
    nothing here: only its owner would be told, and the worker sends them nothing.
    """
    is_present = email == user.email
    with write_transaction(as_user=user.pk):
        User.objects.filter(pk=user.pk).update(pending_email="" if is_present else email)
        if is_present:
            mail_enqueue(CONFIRMATION, user.pk)
        else:
            mail_enqueue(NEW_ADDRESS, user.pk)
            mail_enqueue(NEW_ADDRESS_NOTICE, user.pk)


def email_confirm(*, token: str) -> None:
    """Confirm the address that a token is for; a pending one becomes the user's. Repeatable.

    Invalidates `user:<id>`.

    Raises:
        InvalidToken: Also if another user has the address meanwhile.
    """
    named = read_email_token(token)
    if named is None:
        raise InvalidToken
    user_id, email = named
    try:
        with write_transaction(as_user=user_id):
            own = User.objects.filter(pk=user_id, is_active=True)
            is_confirmed = own.filter(email=email).update(confirmed_email=email) or own.filter(
                pending_email=email
            ).update(email=email, confirmed_email=email, pending_email="")
    except IntegrityError as error:
        raise InvalidToken from error
    if not is_confirmed:
        raise InvalidToken
