"""Who makes the suite's requests: made before it, gone after it."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from typing import Any

from django.conf import settings
from django.contrib.auth.hashers import MD5PasswordHasher
from django.db import connection, transaction
from django.test import Client
from django.utils import timezone
from django_tasks_db.models import DBTaskResult

from morpheus.db.roles import connected_as
from morpheus.db.transactions import write_transaction
from perf.lab.plans.capture import served_host
from perf.lab.plans.requests import Subject, bearer
from users.models import User
from users.services import token_create, token_revoke

DOMAIN = "perf-suite.example.org"
PASSWORD = "correct horse battery staple"  # noqa: S105 - of users who are deleted


@dataclass(frozen=True)
class People:
    """Everybody, by the headers that they send.

    Attributes:
        subject: What is read, and whose it is.
        owner: A seeded user, with a token.
        member: A new user, with a token, who writes; `email` logs them in.
        staff: A superuser, with a session.
    """

    subject: Subject
    owner: dict[str, str]
    member: dict[str, str]
    email: str
    staff: dict[str, str]


@contextmanager
def people() -> Iterator[People]:
    """Yield people, and delete afterwards all that they made."""
    _delete()
    began = timezone.now()
    subject = Subject.found()
    password = MD5PasswordHasher().encode(PASSWORD, "salt")
    email = f"member@{DOMAIN}"
    secret, token = token_create(user=subject.owner)
    try:
        with write_transaction(as_staff=True):
            member = User.objects.create(email=email, display_name="Member", password=password)
            staff = User.objects.create_superuser(f"staff@{DOMAIN}", PASSWORD)
        member_secret = token_create(user=member)[0]
        with _session(staff) as session:
            yield People(
                subject, _sent(bearer(secret)), _sent(bearer(member_secret)), email, session
            )
    finally:
        token_revoke(token_id=token.pk)
        _delete()
        # Their uploads are gone, so no worker needs to look for them.
        with connected_as("owner"):
            DBTaskResult.objects.ready().filter(enqueued_at__gte=began).delete()


def _sent(credentials: dict[str, str]) -> dict[str, str]:
    return {"Authorization": credentials["HTTP_AUTHORIZATION"]}


@contextmanager
def _session(user: Any) -> Iterator[dict[str, str]]:
    client = Client(SERVER_NAME=served_host())
    client.force_login(user)
    name = settings.SESSION_COOKIE_NAME
    try:
        yield {"Cookie": f"{name}={client.cookies[name].value}"}
    finally:
        client.logout()


def _delete() -> None:
    """Delete the suite's users and what is theirs."""
    with connected_as("loader"), transaction.atomic(), connection.cursor() as cursor:
        cursor.execute("SELECT id FROM users_user WHERE email LIKE %s", [f"%@{DOMAIN}"])
        ids = [user for (user,) in cursor.fetchall()]
        for table, column in (
            ("comics_panel", "owner_id"),
            ("comics_comic", "owner_id"),
            ("novels_novel", "owner_id"),
            ("users_token", "user_id"),
            ("users_user", "id"),
        ):
            cursor.execute(f"DELETE FROM {table} WHERE {column} = ANY(%s)", [ids])  # noqa: S608
