"""`createsuperuser` as Django has it, but as staff, who are shown all users."""

from __future__ import annotations

from typing import Any

from django.contrib.auth.management.commands import createsuperuser

from morpheus.db.transactions import write_transaction


class Command(createsuperuser.Command):
    """Run in one transaction, which also waits for the typing of a password."""

    def handle(self, *args: Any, **options: Any) -> Any:
        with write_transaction(as_staff=True):
            return super().handle(*args, **options)
