"""Private parts of django-cachalot, which documents settings and two functions only."""

from __future__ import annotations

from typing import Any

from cachalot.cache import cachalot_caches
from cachalot.utils import UncachableQuery, get_query_cache_key
from django.db import connections

__all__ = ["UncachableQuery"]


def is_in_transaction(alias: str) -> bool:
    """Tell whether this thread is in a transaction, after removing those that never began.

    cachalot registers a transaction before BEGIN. If BEGIN fails because the pool is exhausted,
    cachalot would take all later results of the thread for those of a transaction.
    """
    levels = cachalot_caches.atomic_caches[alias]
    if not connections[alias].in_atomic_block:
        levels.clear()
    return bool(levels)


def compile_query_key(compiler: Any) -> tuple[str, str]:
    """Return cachalot's key of a query, and the SQL that it compiled for it, in lower case.

    Raises:
        UncachableQuery: cachalot does not cache such queries.
    """
    key: str = get_query_cache_key(compiler)
    return key, compiler.__cachalot_generated_sql
