"""`migrate` as Django has it, but as the role that owns the tables."""

from __future__ import annotations

from typing import Any

from django.core.management.commands import migrate

from morpheus.db.roles import connected_as


class Command(migrate.Command):
    """Run as `morpheus_owner`: the serving role may not change the schema."""

    def handle(self, *args: Any, **options: Any) -> None:
        with connected_as("owner"):
            super().handle(*args, **options)
