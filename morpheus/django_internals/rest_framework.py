"""Private parts of Django REST framework."""

from __future__ import annotations

from typing import Any

from django.http import HttpRequest
from rest_framework.request import Request


def get_django_request(request: Request) -> HttpRequest:
    """Return the request that DRF wraps: `login` and `logout` set attributes on it."""
    inner: HttpRequest = request._request
    return inner


def force_user(handler: Any, user: Any) -> None:
    """Let a test client's next requests be those of another user, without a login."""
    handler._force_user = user
