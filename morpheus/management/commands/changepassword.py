"""Django's `changepassword` as staff, because row security shows all users to staff only."""

from __future__ import annotations

from typing import Any

from django.contrib.auth.management.commands import changepassword

from morpheus.db.transactions import write_transaction


class Command(changepassword.Command):
    """Run in one transaction, which stays open while the password is typed."""

    def handle(self, *args: Any, **options: Any) -> Any:
        with write_transaction(as_staff=True):
            return super().handle(*args, **options)
