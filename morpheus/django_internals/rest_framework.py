"""Private parts of Django REST framework."""

from __future__ import annotations

from typing import Any


def force_user(handler: Any, user: Any) -> None:
    """Let a test client's next requests be those of another user, without a login."""
    handler._force_user = user
