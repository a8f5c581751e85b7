"""Users and credentials of the performance suite; deleted after it with all their rows."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass

from django.conf import settings
from django.contrib.auth.hashers import MD5PasswordHasher
from django.db.models import Q
from django.test import Client
from django.utils import timezone
from django_tasks_db.models import DBTaskResult

from comics.models import Comic
from morpheus.db.roles import connected_as
from morpheus.db.transactions import write_transaction
from novels.models import Novel
from perf.lab.example_exports import example_export
from perf.lab.example_requests import PASSWORD, Conversation, bearer
from perf.lab.example_rows import first_rows
from perf.lab.plans.capture import served_host
from users.models import User
from users.services.tokens import token_create, token_revoke

DOMAIN = "perf-suite.example.org"
# Request id of the request whose explanation is read.
EXPLAINED = "perf-suite"
_MEMBER = f"member@{DOMAIN}"


@dataclass(frozen=True)
class SuiteCallers:
    """Conversations with credentials.

    Attributes:
        reads: Of the seeded owner and of staff, about seeded rows.
        member: Headers of a new user, for writes.
    """

    reads: Conversation
    member: dict[str, str]

    def start_writes(self, turn: str) -> Conversation:
        """Return a conversation of the new user.

        Args:
            turn: A different word each time, because an email address is unique.
        """
        # The new user's tokens end with the password, unlike the member's.
        email = f"{turn}@{DOMAIN}"
        values = {"email": email, "new_email": email, "number": 1}
        # Its reading progress is in works of others.
        values |= {name: self.reads.values[name] for name in ("novel_id", "comic_id")}
        return Conversation(values, {"owner": self.member})


@contextmanager
def create_callers() -> Iterator[SuiteCallers]:
    """Yield the callers; delete afterwards everything that they wrote.

    Raises:
        CommandError: Seed first.
    """
    _delete_rows()
    began = timezone.now()
    rows = first_rows()
    password = MD5PasswordHasher().encode(PASSWORD, "salt")
    with write_transaction(as_staff=True):
        member = User.objects.create(email=_MEMBER, display_name="Member", password=password)
        staff = User.objects.create_superuser(f"staff@{DOMAIN}", PASSWORD)
    secret, token = token_create(user=User(pk=rows.owner_id))
    member_secret, _ = token_create(user=member)
    client = Client(SERVER_NAME=served_host())
    client.force_login(staff)
    session = settings.SESSION_COOKIE_NAME
    cookie = {"Cookie": f"{session}={client.cookies[session].value}"}
    reads = Conversation(
        {**rows.values, "identifier": EXPLAINED, "code": "not_found"},
        {"owner": bearer(secret), "staff": cookie},
    )
    try:
        with example_export(rows.owner_id) as reads.values["export_id"]:
            yield SuiteCallers(reads, bearer(member_secret))
    finally:
        client.logout()
        token_revoke(token_id=token.pk)
        _delete_rows()
        # Their uploads are gone, so no worker needs to parse them.
        with connected_as("owner"):
            DBTaskResult.objects.ready().filter(enqueued_at__gte=began).delete()


def _delete_rows() -> None:
    """Delete the suite's users and their rows."""
    with connected_as("loader"):
        # One that deleted its account has another address.
        users = User.objects.filter(Q(email__endswith=f"@{DOMAIN}") | Q(deletion__isnull=False))
        for model in (Comic, Novel):
            model.objects.filter(owner__in=users).delete()
        users.delete()
