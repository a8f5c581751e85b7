"""The app of users and how they log in."""

from __future__ import annotations

from django.apps import AppConfig
from django.contrib.auth.signals import user_logged_in
from django.db.models.signals import post_save


class UsersConfig(AppConfig):
    """Revoke tokens after a new password, delete expired ones, record logins and uses.

    Housekeeping deletes expired exports, and goes on with deletions of accounts.
    """

    name = "users"

    def ready(self) -> None:
        from morpheus.tracing.events import on_requests_finished
        from morpheus.tracing.periodic import every_ten_seconds
        from morpheus.worker.housekeeping import jobs
        from users import tasks  # noqa: F401 - connects to signals
        from users.authentication import user_record_login
        from users.services.accounts import accounts_delete_requested
        from users.services.exports import exports_delete_expired
        from users.services.token_uses import token_uses
        from users.services.tokens import tokens_delete_expired, tokens_revoke_with_password

        jobs["tokens"] = tokens_delete_expired
        jobs["exports"] = exports_delete_expired
        jobs["accounts"] = accounts_delete_requested
        on_requests_finished.append(token_uses.note)
        every_ten_seconds.append(token_uses.write)
        post_save.connect(tokens_revoke_with_password, sender="users.User")
        # Django's receiver writes without an identity, so row level security hides the row.
        user_logged_in.disconnect(dispatch_uid="update_last_login")
        user_logged_in.connect(user_record_login, dispatch_uid="user_record_login")
