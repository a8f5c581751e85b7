"""The app of users and how they log in."""

from __future__ import annotations

from django.apps import AppConfig
from django.contrib.auth.signals import user_logged_in
from django.db.models.signals import post_save


class UsersConfig(AppConfig):
    """Let tokens die with the password that they were made with; record logins."""

    name = "users"

    def ready(self) -> None:
        from users import openapi  # noqa: F401 - registers itself
        from users.authentication import login_remember
        from users.services import tokens_revoke_with_password

        post_save.connect(tokens_revoke_with_password, sender="users.User")
        # Django's own writes without an identity, so to no row.
        user_logged_in.disconnect(dispatch_uid="update_last_login")
        user_logged_in.connect(login_remember, dispatch_uid="login_remember")
