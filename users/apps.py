"""The app of users and how they log in."""

from __future__ import annotations

from django.apps import AppConfig
from django.contrib.auth.signals import user_logged_in
from django.db.models.signals import post_save


class UsersConfig(AppConfig):
    """Revoke tokens after a new password, delete expired ones, record logins."""

    name = "users"

    def ready(self) -> None:
        from morpheus.worker.housekeeping import jobs
        from users.authentication import user_record_login
        from users.services import tokens_delete_expired, tokens_revoke_with_password

        jobs["tokens"] = tokens_delete_expired
        post_save.connect(tokens_revoke_with_password, sender="users.User")
        # Django's receiver writes without an identity, so row level security hides the row.
        user_logged_in.disconnect(dispatch_uid="update_last_login")
        user_logged_in.connect(user_record_login, dispatch_uid="user_record_login")
