"""Change passwords; every token and session of the user ends with the password.

A session holds a digest of the password's hash, and every cached response to a caller depends on
the tag `user:<id>` (docs/auth.md). So none is valid, or served from the cache, after the commit.
"""

from __future__ import annotations

from django.contrib.auth.hashers import check_password, make_password
from django.db.models import F

from morpheus.api.domain_errors import DomainError
from morpheus.db.transactions import read_as, write_transaction
from users.mails import is_reset_token_of, split_reset_token
from users.models import User
from users.services.emails import InvalidToken
from users.services.mails import PASSWORD_RESET, mail_enqueue
from users.services.tokens import tokens_revoke


class WrongPassword(DomainError):
    """The current password is another one, perhaps since a moment ago."""

    field = "current_password"
    code = "wrong_password"

    def __init__(self) -> None:
        super().__init__("This is not your current password.")


def password_require(*, user_id: int, password: str) -> str:
    """Return the hash of a user's current password: 1 query. Hashes once.

    Raises:
        WrongPassword: It is another one.
        User.DoesNotExist: The user was deleted a moment ago.
    """
    encoded = User.objects.values_list("password", flat=True).get(pk=user_id)
    if not check_password(password, encoded):
        raise WrongPassword
    return str(encoded)


def password_change(
    *, user_id: int, encoded: str, new_password: str, confirms_email: bool = False
) -> bool:
    """Set a new password and revoke all tokens; return whether the password was still the old one.

    Of two changes of one password, one succeeds. A pending address is forgotten, because a stranger
    may have asked for it. Invalidates `user:<id>`, `token:<digest>`.

    Args:
        encoded: The hash of the old password.
        confirms_email: Whether the user proved to receive mail.
    """
    new = make_password(new_password)  # Before the transaction, because it takes long.
    with write_transaction(as_user=user_id):
        columns = {"confirmed_email": F("email")} if confirms_email else {}
        changed = User.objects.filter(pk=user_id, password=encoded).update(
            password=new, pending_email="", **columns
        )
        if changed:
            tokens_revoke(user_id=user_id)
    return bool(changed)


def password_request_reset(*, email: str) -> None:
    """Queue the mail with a token for a new password, if a user has the address.

    The same two statements whether or not: the worker finds out that there is nothing to send.
    """
    user = User.objects.find_by_email(email)
    mail_enqueue(PASSWORD_RESET, None if user is None else user.pk)


def password_find_reset(*, token: str) -> User:
    """Return the user that a reset token was made for: 1 query.

    Raises:
        InvalidToken: It was made for no active user, expired, or was used; or the user logged in
            or changed password or address since.
    """
    user_id, rest = split_reset_token(token) or (0, "")
    user: User | None = read_as(
        user_id, lambda: User.objects.filter(pk=user_id, is_active=True).first()
    )
    if user is None or not is_reset_token_of(user, rest):
        raise InvalidToken
    return user


def password_reset(*, user: User, new_password: str) -> None:
    """Set the password of a user from `password_find_reset`; the address counts as confirmed.

    Raises:
        InvalidToken: The token was used a moment ago.
    """
    is_changed = password_change(
        user_id=user.pk, encoded=user.password, new_password=new_password, confirms_email=True
    )
    if not is_changed:
        raise InvalidToken
