"""django-cachalot for the reference tables (genres, languages) and nothing else.

django-cachalot alone has three faults (docs/caching.md): it stores results from before a commit as
newer ones, it does not see writes by psql, and after a failed BEGIN a thread keeps its
invalidations to itself. Therefore the key of each result contains the version that the tag `all`
had before the query. Any write to these tables invalidates `all`, and no result under an earlier
key is read again.
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

# SQL that can return other results from the same rows.
_VOLATILE = ("RANDOM(", "TIMESTAMP", "NOW(")

# Types that survive JSON and that cachalot's keys tell apart.
_FIELDS = (models.CharField, models.TextField, models.IntegerField, models.BooleanField)

# Updates and deletions since the statistics began, per row and for tables of few rows. A reference
# table has hardly a row that was changed more often.
_CHANGES_PER_ROW, _CHANGES = 100, 10_000

_IS_SECURED_IS_HOT = """
SELECT relrowsecurity, n_tup_upd + n_tup_del > greatest(%s * n_live_tup, %s)
FROM pg_class JOIN pg_stat_user_tables ON relid = oid
WHERE oid = to_regclass(%s)
"""


def query_key(compiler: Any) -> str:
    """Return the key of a query's result, for `CACHALOT_QUERY_KEYGEN`.

    Raises:
        UncachableQuery: The query reads another table or runs in a transaction, or the cache is not
            readable now.
    """
    # First the test that most queries fail, before their SQL is built.
    model = compiler.query.model
    if model is None or model._meta.db_table not in settings.CACHALOT_ONLY_CACHABLE_TABLES:
        raise UncachableQuery
    # True in a transaction, or after a failed BEGIN.
    if cachalot.is_in_transaction(compiler.using):
        raise UncachableQuery
    key, sql = cachalot.compile_query_key(compiler)
    # cachalot may overlook the table of a subquery.
    sql = sql.upper()
    if sql.count("SELECT") > 1 or any(name in sql for name in _VOLATILE):
        raise UncachableQuery
    return f"{key}:{_read_version()}"


def _read_version() -> str:
    if not cache_store().is_readable():
        raise UncachableQuery
    try:
        version = cache_store().read_versions([ALL])[ALL]
    except RedisUnavailable as error:
        raise UncachableQuery from error
    if has_write_intent(version):
        raise UncachableQuery
    if dependencies := current_dependencies():
        dependencies.add({ALL: version})
    return version


class RowSerializer:
    """Serializes rows as JSON, which cannot run code as pickle can, and restores their tuples.

    A list that contains no list is a row.
    """

    def __init__(self, options: dict[str, Any]) -> None:
        """Accept django-redis' options and ignore them."""

    def dumps(self, value: Any) -> bytes:
        return orjson.dumps(value)

    def loads(self, value: bytes) -> Any:
        return _restore_rows(orjson.loads(value))


def _restore_rows(value: Any) -> Any:
    if not isinstance(value, list):
        return value
    if any(isinstance(item, list) for item in value):
        return [_restore_rows(item) for item in value]
    return tuple(value)


def _error(text: str, number: int) -> Error:
    return Error(
        text,
        hint="CACHALOT_ONLY_CACHABLE_TABLES is for small, public, rarely written tables. For "
        "private or changing data, add a policy of morpheus.cache.",
        id=f"morpheus.E{number:03}",
    )


@register(CONTRADICTIONS)
def check_reference_tables(
    app_configs: Sequence[AppConfig] | None, **kwargs: Any
) -> list[CheckMessage]:
    """Refuse an empty list, tables without a model, and columns that JSON does not preserve."""
    tables: Sequence[str] = settings.CACHALOT_ONLY_CACHABLE_TABLES
    if not tables:
        # Sessions and users included.
        return [_error("CACHALOT_ONLY_CACHABLE_TABLES is empty: cachalot would cache all.", 8)]
    all_models = {model._meta.db_table: model for model in apps.get_models()}
    errors: list[CheckMessage] = []
    for table in tables:
        if table not in all_models:
            errors.append(_error(f"The table {table}, to be cached by cachalot, has no model.", 9))
            continue
        errors += [
            _error(f"cachalot cannot cache the column {table}.{field.column} as JSON.", 10)
            for field in all_models[table]._meta.local_concrete_fields
            if not isinstance(field, _FIELDS)
        ]
    return errors


@register(Tags.database)
def check_reference_tables_in_database(
    app_configs: Sequence[AppConfig] | None, databases: Sequence[str] | None = None, **kwargs: Any
) -> list[CheckMessage]:
    """Refuse tables under row level security, and tables that are written too often."""
    errors: list[CheckMessage] = []
    for alias in set(databases or []) & set(settings.CACHALOT_DATABASES):
        with connections[alias].cursor() as cursor:
            for table in settings.CACHALOT_ONLY_CACHABLE_TABLES:
                cursor.execute(_IS_SECURED_IS_HOT, [_CHANGES_PER_ROW, _CHANGES, table])
                is_secured, is_hot = cursor.fetchone() or (False, False)
                if is_secured:
                    text = f"The table {table} is under row level security. cachalot would return"
                    errors.append(_error(f"{text} one user's rows to all.", 11))
                if is_hot:
                    errors.append(_error(f"The table {table} is written too often.", 12))
    return errors
