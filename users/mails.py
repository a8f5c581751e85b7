"""The texts of mails to users, and the tokens in them.

No text has a name or anything else that a user typed: strangers choose the address that a mail goes
to.
"""

from __future__ import annotations

from typing import Any, NamedTuple

from django.conf import settings
from django.contrib.auth.tokens import default_token_generator
from django.core import signing
from django.utils.http import base36_to_int, int_to_base36

from morpheus.api.reads import BIGINT_MAX
from users.models import User

_EMAIL_SALT = "users.email"

_RESET = """\
A new password was requested for your account at Morpheus.

{how}

It is valid for {hours} hours, and once. If you did not ask for it, ignore this mail: your password
stays as it is.
"""
_CONFIRM = """\
Please confirm that this address belongs to your account at Morpheus.

{how}

It is valid for {days} days. If you have no account there, ignore this mail.
"""
_NOTICE = """\
A change of the e-mail address of your account at Morpheus was requested. It takes effect when the
new address is confirmed.

If that was not you, change your password now: this also cancels the change.
"""


class Mail(NamedTuple):
    """A mail to one address."""

    to: str
    subject: str
    text: str


def build_password_reset(user: User) -> Mail | None:
    """Return the mail with a token for a new password; None without a password that logs in."""
    if not user.has_usable_password():
        return None
    how = _explain("password-reset", make_reset_token(user), "auth/password-reset/confirm/")
    text = _RESET.format(how=how, hours=settings.PASSWORD_RESET_TIMEOUT // 3600)
    return Mail(user.email, "Your new password", text)


def build_confirmation(user: User) -> Mail | None:
    """Return the mail that confirms a user's address; None if it is confirmed."""
    return None if user.is_email_confirmed else _build_confirmation(user, user.email)


def build_new_address(user: User) -> Mail | None:
    """Return the mail that confirms a user's next address; None if another user has it."""
    email = user.pending_email
    if not email or User.objects.find_by_email(email) is not None:
        return None
    return _build_confirmation(user, email)


def build_new_address_notice(user: User) -> Mail:
    """Return the mail to the address that is to be replaced."""
    return Mail(user.email, "Your e-mail address is to change", _NOTICE)


def _build_confirmation(user: User, email: str) -> Mail:
    how = _explain("confirm-email", make_email_token(user.pk, email), "auth/email/confirm/")
    days = settings.MORPHEUS_EMAIL_TOKEN_TTL_S // 86400
    return Mail(email, "Confirm your e-mail address", _CONFIRM.format(how=how, days=days))


def make_email_token(user_id: int, email: str) -> str:
    """Return the token that confirms an address of a user."""
    return signing.dumps([user_id, email], salt=_EMAIL_SALT)


def read_email_token(token: str) -> tuple[int, str] | None:
    """Return user and address of a valid token, None of another text."""
    try:
        user_id, email = signing.loads(
            token, salt=_EMAIL_SALT, max_age=settings.MORPHEUS_EMAIL_TOKEN_TTL_S
        )
    except signing.BadSignature:
        return None
    return user_id, email


def make_reset_token(user: User) -> str:
    """Return the token for a new password of a user with all columns."""
    return f"{int_to_base36(user.pk)}-{default_token_generator.make_token(user)}"


def split_reset_token(token: str) -> tuple[int, str] | None:
    """Return the user that a reset token names, and the part for `is_reset_token_of`."""
    key, _, rest = token.partition("-")
    try:
        user_id = base36_to_int(key)
    except ValueError:
        return None
    return (user_id, rest) if 0 < user_id <= BIGINT_MAX else None


def is_reset_token_of(user: Any, token: str) -> bool:
    """Tell whether a token was made for a user since the last login and the present password."""
    return default_token_generator.check_token(user, token)


def _explain(page: str, token: str, route: str) -> str:
    """Return the sentence with the link, or with the token for a client without pages."""
    if settings.MORPHEUS_FRONTEND_URL:
        # In the fragment, which no server's log gets.
        return f"Open this link:\n\n{settings.MORPHEUS_FRONTEND_URL}/{page}#token={token}"
    return f"Your client sends this token to /api/v1/{route}:\n\n{token}"
