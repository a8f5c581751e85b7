"""Django's `flush` as the owner of the tables: the serving role may not truncate."""

from __future__ import annotations

from functools import cache
from typing import Any

from django.core.management.commands import flush
from django.db import connection

from morpheus.db.roles import connected_as
from novels.apps import REFERENCE_ROWS

# No test changes them, and Django takes longer to make them again than to empty all tables.
_KEPT = {"django_content_type", "auth_permission"}


class Command(flush.Command):
    def handle(self, **options: Any) -> None:
        with connected_as("owner"), connection.cursor() as cursor:
            cursor.execute(_build_statement())


@cache
def _build_statement() -> str:
    tables = connection.introspection.django_table_names(only_existing=True, include_views=False)
    names = ", ".join(f'"{table}"' for table in sorted({*tables} - _KEPT))
    return f"TRUNCATE {names}; {REFERENCE_ROWS.read_text()}"
