"""`makemigrations` as Django has it, but not waiting for a database that it hardly needs."""

from __future__ import annotations

import contextlib
import warnings
from typing import Any

from django.core.management.commands import makemigrations
from django.db import connection

from morpheus.db.roles import connected_as


class Command(makemigrations.Command):
    """Compare models with migrations; what the database has applied is looked at if it answers.

    Through a pool an absent server would be waited for.
    """

    def handle(self, *args: Any, **options: Any) -> None:
        # Inside a transaction (of a test) the connection is there and stays.
        there = connection.in_atomic_block
        login = contextlib.nullcontext() if there else connected_as("owner")
        with login, warnings.catch_warnings():
            warnings.filterwarnings("ignore", "Got an error checking a consistent migration")
            super().handle(*args, **options)
