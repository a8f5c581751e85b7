"""Django's `flush` as the owner of the tables: the serving role may not truncate."""

from __future__ import annotations

from typing import Any

from django.core.management.commands import flush

from morpheus.db.roles import connected_as


class Command(flush.Command):
    def handle(self, **options: Any) -> None:
        with connected_as("owner"):
            super().handle(**options)
