"""Django's `makemigrations` without the wait for a database that is down."""

from __future__ import annotations

import contextlib
import warnings
from typing import Any

from django.core.management.commands import makemigrations
from django.db import connection

from morpheus.db.roles import connected_as


class Command(makemigrations.Command):
    """Compare models with migrations, and check the applied ones if the database is up.

    The owner's connection has no pool, which would wait for an absent server.
    """

    def handle(self, *args: Any, **options: Any) -> None:
        # Inside a transaction (of a test) the connection must stay.
        is_open = connection.in_atomic_block
        login = contextlib.nullcontext() if is_open else connected_as("owner")
        with login, warnings.catch_warnings():
            warnings.filterwarnings("ignore", "Got an error checking a consistent migration")
            super().handle(*args, **options)
