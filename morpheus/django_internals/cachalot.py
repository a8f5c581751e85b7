"""Private parts of django-cachalot, which documents settings and two functions only."""

from __future__ import annotations

from typing import Any

from cachalot.cache import cachalot_caches
from cachalot.utils import UncachableQuery, get_query_cache_key
from django.db import connections

__all__ = ["UncachableQuery"]


def is_in_transaction(alias: str) -> bool:
    """Tell whether cachalot takes this thread to be in a transaction of the database."""
    return bool(cachalot_caches.atomic_caches[alias])


def compile_query_key(compiler: Any) -> tuple[str, str]:
    """Return cachalot's key of a query, and the SQL that it compiled for it, in lower case.

    Raises:
        UncachableQuery: cachalot does not cache such queries.
    """
    key: str = get_query_cache_key(compiler)
    return key, compiler.__cachalot_generated_sql


def forget_failed_transactions(**signal: Any) -> None:
    """Remove transactions that never began from cachalot's state, between requests or tasks.

    cachalot registers a transaction before BEGIN. If BEGIN fails because the pool is exhausted, the
    thread keeps all its later invalidations to itself.
    """
    for alias, levels in cachalot_caches.atomic_caches.items():
        if levels and not connections[alias].in_atomic_block:
            levels.clear()
