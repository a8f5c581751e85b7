"""Sessions of a tool's own, without the slow comparison of a password."""

from __future__ import annotations

from django.conf import settings
from django.test import Client

from users.models import User


def session_start(user: User) -> dict[str, str]:
    """Log a user in; return the headers of the session."""
    client = Client()
    client.force_login(user)
    name = settings.SESSION_COOKIE_NAME
    return {"Cookie": f"{name}={client.cookies[name].value}"}
