"""Create a superuser for the admin, if there is none."""

from __future__ import annotations

import os
import secrets
from argparse import ArgumentParser
from pathlib import Path
from typing import Any, NamedTuple

from django.conf import settings
from django.core.exceptions import ValidationError
from django.core.management.base import BaseCommand, CommandError
from django.core.validators import validate_email

from morpheus.db.transactions import write_transaction
from users import services
from users.models import User

HOW = "Log in at /admin/, or for the API at POST /api/v1/auth/token/."


class Login(NamedTuple):
    """The lines of `MORPHEUS_VAR/operator-login`."""

    email: str
    password: str


class Command(BaseCommand):
    help = "Make a superuser if there is none; say how to log in."

    def add_arguments(self, parser: ArgumentParser) -> None:
        parser.add_argument("--email", default="operator@morpheus.local", help="of a new superuser")
        parser.add_argument("--quiet", action="store_true", help="print errors only")

    def handle(self, *, email: str, quiet: bool, **options: Any) -> None:
        path = settings.MORPHEUS_VAR / "operator-login"
        try:
            validate_email(email := User.objects.normalize_email(email))
            made = services.operator_ensure(
                email=email, password=lambda: _stored_password(path, email)
            )
        except ValidationError as error:
            raise CommandError(f"{email} is not an e-mail address.") from error
        except services.NotAnOperator as error:
            raise CommandError(
                f"{email} belongs to a user that is not an active superuser: choose "
                "another address with --email."
            ) from error
        if not quiet:
            with write_transaction(as_staff=True):
                self.stdout.write(_created_message(path) if made else _existing_message(path))


def _created_message(path: Path) -> str:
    login = _read(path)
    return (
        f"A superuser was made:\n  e-mail    {login.email}\n  password  {login.password}\n"
        f"{HOW} The password is kept in {path}."
    )


def _existing_message(path: Path) -> str:
    """Return the operator's address, and whether the stored password is still valid."""
    try:
        login = _read(path)
    except FileNotFoundError:
        email = User.objects.operators().values_list("email", flat=True).first()
        return f"Operator: {email}; {path} is not there, so the password is not known here. {HOW}"
    user = User.objects.operators().filter(email=login.email).first()
    if user is not None and user.check_password(login.password):
        return f"Operator: {login.email}; the password is in {path}. {HOW}"
    return f"Operator: {login.email}; the password in {path} was changed since. {HOW}"


def _read(path: Path) -> Login:
    return Login(*path.read_text().split("\n")[:2])


def _stored_password(path: Path, email: str) -> str:
    """Return the stored password of `email`; create and store one (mode 600) if there is none.

    The password is stored before the user is created, so the next run after a crash uses it.
    """
    if path.exists():
        login = _read(path)
        if login.email != email:
            raise CommandError(
                f"{path} holds the login of {login.email}, which is not an active superuser: "
                f"move the file away, or give --email {login.email}."
            )
        return login.password
    path.parent.mkdir(parents=True, exist_ok=True)
    password = secrets.token_urlsafe(18)
    draft = path.with_name(f"{path.name}.{os.getpid()}")
    draft.unlink(missing_ok=True)
    with os.fdopen(os.open(draft, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600), "w") as file:
        file.write(f"{email}\n{password}\n")
    draft.replace(path)
    return password
