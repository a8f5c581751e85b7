"""django-cachalot for the reference tables: small, public and hardly ever written.

By itself it would serve what was read before a commit as if it were newer, know nothing of writes
by psql, and keep a thread's invalidations to itself after a failed BEGIN (docs/caching.md). So each
result is kept under a name that holds the version which the tag `all` had before the query: any
write to these tables renews it, whoever writes, and results under an earlier name are never read.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import orjson
from django.apps import AppConfig, apps
from django.conf import settings
from django.core.checks import CheckMessage, Error, Tags, register
from django.db import connections, models

from morpheus.cache.dependencies import current_dependencies
from morpheus.cache.redis_client import RedisUnavailable
from morpheus.cache.store import ALL, cache_store, has_write_intent
from morpheus.checks import CONTRADICTIONS
from morpheus.django_internals import cachalot
from morpheus.django_internals.cachalot import UncachableQuery

# What makes a query answer differently on the same rows.
_VOLATILE = ("RANDOM(", "TIMESTAMP", "NOW(")


def query_key(compiler: Any) -> str:
    """Return the name of a query's result; cachalot asks for it before it looks.

    Raises:
        UncachableQuery: Of another table, in a transaction, or the cache may not be read now.
    """
    # First what is true of nearly every query of the project, before its SQL is even made.
    model = compiler.query.model
    if model is None or model._meta.db_table not in settings.CACHALOT_ONLY_CACHABLE_TABLES:
        raise UncachableQuery
    # In a transaction; or in a thread that cachalot takes to be in one.
    if cachalot.is_in_transaction(compiler.using):
        raise UncachableQuery
    key, sql = cachalot.compile_query_key(compiler)
    # A query within the query may be of a table that cachalot does not notice.
    sql = sql.upper()
    if sql.count("SELECT") > 1 or any(name in sql for name in _VOLATILE):
        raise UncachableQuery
    return f"{key}:{_version()}"


def _version() -> str:
    """Return the version of the tag that any write to a reference table renews."""
    if not cache_store().is_readable():
        raise UncachableQuery
    try:
        version = cache_store().read_versions([ALL])[ALL]
    except RedisUnavailable as error:
        raise UncachableQuery from error
    if has_write_intent(version):
        raise UncachableQuery
    # So does an answer that is composed of the result.
    if record := current_dependencies():
        record.depend({ALL: version})
    return version


def forget_failed_transactions(**signal: Any) -> None:
    """Let cachalot forget a transaction that never began: between two requests, or two tasks.

    It counts a transaction before BEGIN, which fails when the pool is exhausted, and then keeps all
    that this thread invalidates to itself.
    """
    cachalot.forget_failed_transactions()


class RowSerializer:
    """JSON in which a list without a list in it is a row, and comes back as the tuple it was.

    Columns are text, whole numbers or booleans; a system check refuses tables with others.
    """

    def __init__(self, options: dict[str, Any]) -> None:
        """Take django-redis' options, of which none is about this."""

    def dumps(self, value: Any) -> bytes:
        return orjson.dumps(value)

    def loads(self, value: bytes) -> Any:
        return _with_rows(orjson.loads(value))


def _with_rows(value: Any) -> Any:
    if not isinstance(value, list):
        return value
    if any(isinstance(item, list) for item in value):
        return [_with_rows(item) for item in value]
    return tuple(value)


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
