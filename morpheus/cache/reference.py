"""django-cachalot for the reference tables: small, public and hardly ever written.

By itself it would serve what was read before a commit as if it were newer, know nothing of writes
by psql, and keep a thread's invalidations to itself after a failed BEGIN (docs/caching.md). So each
result is kept under a name that holds the version which the tag `all` had before the query: any
write to these tables renews it, whoever writes, and results under an earlier name are never read.
"""

from __future__ import annotations

from typing import Any

from cachalot.cache import cachalot_caches
from cachalot.utils import UncachableQuery, get_query_cache_key
from django.conf import settings
from django.db import connections

from morpheus.cache.engine import ALL, engine, is_marked
from morpheus.cache.recording import current
from morpheus.cache.server import Unreachable

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
    if cachalot_caches.atomic_caches[compiler.using]:
        raise UncachableQuery
    key = get_query_cache_key(compiler)
    # A query within the query may be of a table that cachalot does not notice.
    sql = compiler.__cachalot_generated_sql.upper()
    if sql.count("SELECT") > 1 or any(name in sql for name in _VOLATILE):
        raise UncachableQuery
    return f"{key}:{_version()}"


def _version() -> str:
    """Return the version of the tag that any write to a reference table renews."""
    if not engine().is_readable():
        raise UncachableQuery
    try:
        version = engine().versions([ALL])[ALL]
    except Unreachable as error:
        raise UncachableQuery from error
    if is_marked(version):
        raise UncachableQuery
    # So does an answer that is composed of the result.
    if record := current():
        record.depend({ALL: version})
    return version


def heal(**signal: Any) -> None:
    """Let cachalot forget a transaction that never began: between two requests, or two tasks.

    It counts a transaction before BEGIN, which fails when the pool is exhausted, and then keeps all
    that this thread invalidates to itself.
    """
    for alias, levels in cachalot_caches.atomic_caches.items():
        if levels and not connections[alias].in_atomic_block:
            levels.clear()
