"""The app of users and how they log in."""

from __future__ import annotations

from django.apps import AppConfig
from django.db.models.signals import post_save


class UsersConfig(AppConfig):
    """Let tokens die with the password that they were made with."""

    name = "users"

    def ready(self) -> None:
        from users import openapi  # noqa: F401 - registers itself
        from users.services import tokens_revoke_with_password

        post_save.connect(tokens_revoke_with_password, sender="users.User")
