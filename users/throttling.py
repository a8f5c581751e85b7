"""Rate limits of logins, registrations and mails."""

from __future__ import annotations

from django.http import HttpRequest
from rest_framework.request import Request

from morpheus.http.client_addresses import get_client_network
from morpheus.http.throttling import WindowLimit, WindowThrottle, WriteThrottle
from users.models import User


class NetworkThrottle(WindowThrottle):
    """Limits the requests from one network, of all users."""

    def identities(self, request: Request | HttpRequest) -> list[str]:
        return [f"ip:{get_client_network(request)}"]


class LoginThrottle(NetworkThrottle):
    """Limits logins from one network, of all users and with any body."""

    scope = "login_network"


class RegisterThrottle(NetworkThrottle):
    """Limits registrations from one network."""

    scope = "register"


class MailNetworkThrottle(NetworkThrottle):
    """Limits requests for mails from one network, known or unknown addresses alike."""

    scope = "mail_network"


class MailUserThrottle(WriteThrottle):
    """Limits requests for mails from one user."""

    scope = "mail_user"


class ExportThrottle(WriteThrottle):
    """Limits exports of one user, which read all rows and files of the user."""

    scope = "export"


class UserLoginLimit:
    """Limits failed attempts to log in as one user: tightly from one network, loosely from all.

    An attempt is counted before its password is compared, so clients that race are all counted; a
    successful one is given back. A network beyond its own limit does not count towards the other,
    so one network cannot lock the user out of others. The address may have any spelling.
    """

    def __init__(self, request: Request | HttpRequest, email: str) -> None:
        email = User.objects.normalize_email(email)
        # The network first: it has no space.
        self._limits = [
            WindowLimit("login", f"{get_client_network(request)} {email}"),
            WindowLimit("login_user", email),
        ]

    def take(self) -> float | None:
        """Count an attempt; return None, or the seconds to wait if there were too many."""
        refused = next((limit for limit in self._limits if not limit.acquire()), None)
        return refused.wait_s() if refused is not None else None

    def give_back(self) -> None:
        """Uncount the attempt: it succeeded."""
        for limit in self._limits:
            limit.release()
