"""Mails to users, which the worker sends.

A task names its user, never an address or a token: its row is not under row level security. The
token of a mail is made when the mail is sent.
"""

from __future__ import annotations

import logging
from collections.abc import Callable
from datetime import timedelta
from smtplib import SMTPException

from django.core.mail import send_mail
from django.utils import timezone

from morpheus.db.transactions import read_as
from morpheus.http.throttling import WindowLimit
from users import mails
from users.models import User

logger = logging.getLogger(__name__)

PASSWORD_RESET = "password-reset"  # noqa: S105 - the kind of a mail
CONFIRMATION = "confirmation"
NEW_ADDRESS = "new-address"
NEW_ADDRESS_NOTICE = "new-address-notice"

_BUILDERS: dict[str, Callable[[User], mails.Mail | None]] = {
    PASSWORD_RESET: mails.build_password_reset,
    CONFIRMATION: mails.build_confirmation,
    NEW_ADDRESS: mails.build_new_address,
    NEW_ADDRESS_NOTICE: mails.build_new_address_notice,
}

# How often a mail is tried: after 2, 4, 8 and 16 minutes again.
MAX_ATTEMPTS = 5


class MailNotSent(Exception):
    """The mail server refused a mail, or was out of reach, too often."""


def mail_enqueue(kind: str, user_id: int | None) -> None:
    """Queue a mail; of no user (None) it costs the same, and the worker sends nothing."""
    from users.tasks import send_account_mail  # Not at the top: the task imports the services.

    send_account_mail.enqueue(kind=kind, user_id=user_id)


def mail_send(*, kind: str, user_id: int | None, attempt: int) -> None:
    """Send a mail to an active user, unless the address got too many of its kind.

    Raises:
        MailNotSent: The last attempt failed. The message has no address.
    """
    user = None if user_id is None else _find_active(user_id)
    mail = None if user is None else _BUILDERS[kind](user)
    if mail is None:
        return
    if attempt == 1 and not WindowLimit("mail", f"{kind} {mail.to}").acquire():
        logger.info("No mail %s for user %s: too many to the address.", kind, user_id)
        return
    try:
        send_mail(mail.subject, mail.text, None, [mail.to])
    except (OSError, SMTPException) as error:
        if attempt >= MAX_ATTEMPTS:
            # Without the cause, whose text may have the address.
            raise MailNotSent(f"{type(error).__name__} in attempt {attempt}.") from None
        logger.warning("A mail %s was not sent: %s.", kind, type(error).__name__)
        _try_again(kind, user_id, attempt + 1)


def _find_active(user_id: int) -> User | None:
    return read_as(user_id, lambda: User.objects.filter(pk=user_id, is_active=True).first())


def _try_again(kind: str, user_id: int | None, attempt: int) -> None:
    from users.tasks import send_account_mail

    later = timezone.now() + timedelta(minutes=2 ** (attempt - 1))
    send_account_mail.using(run_after=later).enqueue(kind=kind, user_id=user_id, attempt=attempt)
