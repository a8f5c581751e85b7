"""Limits of what strangers may try."""

from __future__ import annotations

from collections.abc import Mapping

from django.http import HttpRequest
from rest_framework.request import Request

from morpheus.clients import client_address
from morpheus.throttling import WindowThrottle
from users.models import User


class LoginThrottle(WindowThrottle):
    """Limits attempts to log in: from one address of the network, and for one user.

    The API and the admin's login form count together.
    """

    scope = "login"

    def identities(self, request: Request | HttpRequest) -> list[str]:
        identities = [f"ip:{client_address(request)}"]
        body = request.data if isinstance(request, Request) else request.POST
        if isinstance(body, Mapping):
            email = body.get("email") or body.get("username")
            if isinstance(email, str) and email.strip():
                identities.append(f"email:{User.objects.normalize_email(email)}")
        return identities


class RegisterThrottle(WindowThrottle):
    """Limits how many users one address of the network registers."""

    scope = "register"

    def identities(self, request: Request) -> list[str]:
        return [f"ip:{client_address(request)}"]
