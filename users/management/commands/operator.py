"""Create a superuser for the admin, if there is none."""

from __future__ import annotations

import os
import secrets
from argparse import ArgumentParser
from pathlib import Path
from tempfile import NamedTemporaryFile
from typing import Any

from django.conf import settings
from django.core.exceptions import ValidationError
from django.core.management.base import BaseCommand, CommandError
from django.core.validators import validate_email

from morpheus.db.transactions import write_transaction
from users.models import User
from users.services.users import NotAnOperator, operator_ensure

HOW = "Log in at /admin/, or for the API at POST /api/v1/auth/token/."


class Command(BaseCommand):
    help = "Make a superuser if there is none; say how to log in."

    def add_arguments(self, parser: ArgumentParser) -> None:
        parser.add_argument("--email", default="operator@morpheus.local", help="of a new superuser")
        parser.add_argument("--quiet", action="store_true", help="print errors only")

    def handle(self, *, email: str, quiet: bool, **options: Any) -> None:
        path = settings.MORPHEUS_VAR / "operator-login"
        try:
            validate_email(email := User.objects.normalize_email(email))
            made = operator_ensure(email=email, password=lambda: _stored_password(path, email))
        except ValidationError as error:
            raise CommandError(f"{email} is not an e-mail address.") from error
        except NotAnOperator as error:
            raise CommandError(
                f"{email} belongs to a user that is not an active superuser: choose "
                "another address with --email."
            ) from error
        if not quiet:
            with write_transaction(as_staff=True):
                self.stdout.write(_describe(path, is_new=made))


def _describe(path: Path, *, is_new: bool) -> str:
    """Return the operator's address, and where the password is, if it is still valid."""
    operators = User.objects.operators()
    try:
        email, password = path.read_text().splitlines()
    except FileNotFoundError:
        known = operators.values_list("email", flat=True).first()
        return f"Operator: {known}; {path} is not there, so the password is not known here. {HOW}"
    if is_new:
        return (
            f"A superuser was made:\n  e-mail    {email}\n  password  {password}\n"
            f"{HOW} The password is kept in {path}."
        )
    user = operators.filter(email=email).first()
    if user is not None and user.check_password(password):
        return f"Operator: {email}; the password is in {path}. {HOW}"
    return f"Operator: {email}; the password in {path} was changed since. {HOW}"


def _stored_password(path: Path, email: str) -> str:
    """Return the stored password of `email`; create and store one if there is none.

    The password is stored before the user is created, so the next run after a crash uses it.
    """
    if path.exists():
        owner, password = path.read_text().splitlines()
        if owner != email:
            raise CommandError(
                f"{path} holds the login of {owner}, which is not an active superuser: "
                f"move the file away, or give --email {owner}."
            )
        return password
    path.parent.mkdir(parents=True, exist_ok=True)
    password = secrets.token_urlsafe(18)
    # Only its owner may read a temporary file.
    with NamedTemporaryFile("w", dir=path.parent, prefix=path.name, delete=False) as draft:
        draft.write(f"{email}\n{password}\n")
    os.replace(draft.name, path)
    return password
