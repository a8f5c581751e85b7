"""django-cachalot for the reference tables (genres, languages) and nothing else.

django-cachalot alone has three faults (docs/caching.md): it stores results from before a commit as
newer ones, it does not see writes by psql, and after a failed BEGIN a thread keeps its
invalidations to itself. Therefore the key of each result contains the version that the tag `all`
had before the query. Any write to these tables invalidates `all`, and no result under an earlier
key is read again.
"""

from __future__ import annotations

from typing import Any

import orjson
from django.conf import settings

from morpheus.cache.dependencies import current_dependencies
from morpheus.cache.redis_client import RedisUnavailable
from morpheus.cache.store import ALL, cache_store, has_write_intent
from morpheus.django_internals import cachalot
from morpheus.django_internals.cachalot import UncachableQuery

# SQL that can return other results from the same rows.
_VOLATILE = ("RANDOM(", "TIMESTAMP", "NOW(")


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
    current_dependencies().add({ALL: version})
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
