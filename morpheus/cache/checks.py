"""System checks: only what cannot do harm may be kept by django-cachalot."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from django.apps import AppConfig, apps
from django.conf import settings
from django.core.checks import CheckMessage, Error, Tags, register
from django.db import connections, models

from morpheus.checks import CONTRADICTIONS

# What comes back from JSON as it was, and is told apart by what cachalot's keys say of it.
_FIELDS = (models.CharField, models.TextField, models.IntegerField, models.BooleanField)

# A table that is read far more than it is written has hardly a row that was changed more often than
# this; tables of few rows may change some more. Counted since the server's statistics began.
_CHANGES_PER_ROW, _CHANGES = 100, 10_000

_SECURED = "SELECT relname FROM pg_class WHERE oid = to_regclass(%s) AND relrowsecurity"
_HOT = """
SELECT relname FROM pg_stat_user_tables
WHERE relid = to_regclass(%s) AND n_tup_upd + n_tup_del > greatest(%s * n_live_tup, %s)
"""


def _error(text: str, number: int) -> Error:
    return Error(
        text,
        hint="CACHALOT_ONLY_CACHABLE_TABLES is for small, public, rarely written tables; what "
        "changes or belongs to somebody gets a policy of morpheus.cache.",
        id=f"morpheus.E{number:03}",
    )


@register(CONTRADICTIONS)
def reference_tables_are_plain(
    app_configs: Sequence[AppConfig] | None, **kwargs: Any
) -> list[CheckMessage]:
    """Refuse an empty list, tables of no model, and columns that are not told apart or kept."""
    tables: Sequence[str] = settings.CACHALOT_ONLY_CACHABLE_TABLES
    if not tables:
        # Sessions and users included.
        return [_error("CACHALOT_ONLY_CACHABLE_TABLES is empty: every table would be kept.", 8)]
    found = {model._meta.db_table: model for model in apps.get_models()}
    errors = [
        _error(f"The table {table}, to be kept by cachalot, is of no model.", 9)
        for table in tables
        if table not in found
    ]
    for table in tables:
        fields = found[table]._meta.local_concrete_fields if table in found else []
        errors += [
            _error(f"The column {table}.{field.column} cannot be kept by cachalot as JSON.", 10)
            for field in fields
            if not isinstance(field, _FIELDS)
        ]
    return [*errors]


@register(Tags.database)
def reference_tables_are_public_and_cold(
    app_configs: Sequence[AppConfig] | None, databases: Sequence[str] | None = None, **kwargs: Any
) -> list[CheckMessage]:
    """Refuse tables under row level security, whose rows are not everybody's, and hot ones."""
    errors: list[CheckMessage] = []
    for alias in set(databases or []) & set(settings.CACHALOT_DATABASES):
        with connections[alias].cursor() as cursor:
            for table in settings.CACHALOT_ONLY_CACHABLE_TABLES:
                cursor.execute(_SECURED, [table])
                if cursor.fetchone():
                    text = f"The table {table} is under row level security; cachalot would show"
                    errors.append(_error(f"{text} one reader's rows to all.", 11))
                cursor.execute(_HOT, [table, _CHANGES_PER_ROW, _CHANGES])
                if cursor.fetchone():
                    errors.append(_error(f"The table {table} is written too often.", 12))
    return errors
