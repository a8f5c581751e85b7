"""The Redis-compatible server: one logical database per use, so that none wipes another."""

from __future__ import annotations

from typing import Any
from urllib.parse import urlsplit

from django.core.exceptions import ImproperlyConfigured
from redis.connection import parse_url

from morpheus.embedded.addresses import Addresses

from .environment import VAR_DIR, env

__all__ = [
    "CACHALOT_ADDITIONAL_SUPPORTED_DATABASES",
    "CACHALOT_CACHE",
    "CACHALOT_CACHE_ITERATORS",
    "CACHALOT_CACHE_RANDOM",
    "CACHALOT_DATABASES",
    "CACHALOT_ENABLED",
    "CACHALOT_FINAL_SQL_CHECK",
    "CACHALOT_INVALIDATE_RAW",
    "CACHALOT_ONLY_CACHABLE_TABLES",
    "CACHALOT_QUERY_KEYGEN",
    "CACHALOT_TIMEOUT",
    "CACHES",
    "EMBEDDED_CACHE_MB",
    "MORPHEUS_CACHE",
    "MORPHEUS_CACHE_SHADOW_PERCENT",
    "SESSION_ENGINE",
    "SILENCED_SYSTEM_CHECKS",
]

_url = env.str("REDIS_URL", default="")
# First of the four logical databases used here; installations that share a server differ in it.
_base = env.number("CACHE_DATABASE_BASE", default=0, at_least=0)


def _refuse_unusable(url: str) -> None:
    """Refuse what is no address of a Redis server, without repeating the password in it."""
    try:
        parts = parse_url(url)  # type: ignore[no-untyped-call]
        is_usable = "db" not in parts and not urlsplit(url).fragment
    except ValueError:
        is_usable = False
    if not is_usable:
        raise ImproperlyConfigured(
            "REDIS_URL must be like redis://:password@host:6379, rediss://… or unix:///socket, "
            "without a database number: CACHE_DATABASE_BASE says which are used. In the password "
            "all but letters and digits are percent-encoded, as %40 for @."
        )


def _cache(database: int) -> dict[str, Any]:
    if _url:
        location = f"{_url}{'&' if '?' in _url else '?'}db={_base + database}"
    else:
        location = Addresses.under(VAR_DIR).redis_url(_base + database)
    return {
        "BACKEND": "morpheus.cache.backend.BreakingCache",
        "LOCATION": location,
        "OPTIONS": {
            # A stalled server costs these seconds per call that the breaker lets through, a dead
            # one nothing.
            "SOCKET_CONNECT_TIMEOUT": 0.1,
            "SOCKET_TIMEOUT": 0.25,
            "IGNORE_EXCEPTIONS": True,
            # Each thread uses one at a time. More than the limit would be an error, not a wait.
            "CONNECTION_POOL_KWARGS": {"max_connections": 1024},
            "SERIALIZER": "django_redis.serializers.json.JSONSerializer",
        },
    }


if _url:
    _refuse_unusable(_url)
CACHES = {
    "default": _cache(0),
    # Only `morpheus.cache` uses it, over connections of its own.
    "values": _cache(1),
    "cachalot": _cache(2),
    # What single requests did (perf.monitoring.request_traces), over connections of its own.
    "explained": _cache(3),
}
CACHES["cachalot"]["OPTIONS"]["SERIALIZER"] = "morpheus.cache.rows.RowSerializer"

# Off, every read goes to the database; for measuring what the cache saves, and for emergencies.
MORPHEUS_CACHE = env.bool("MORPHEUS_CACHE", default=True)

# Of a hundred hits, how many are computed again in the background and compared.
MORPHEUS_CACHE_SHADOW_PERCENT = env.number(
    "MORPHEUS_CACHE_SHADOW_PERCENT", default=1.0, at_least=0, at_most=100
)

# Memory of the embedded server; what was not used for longest goes first.
EMBEDDED_CACHE_MB = env.number("MORPHEUS_CACHE_MB", default=256, at_least=8)

# Sessions live in the database and are only cached: they survive a dead or emptied cache server.
SESSION_ENGINE = "morpheus.cache.sessions"

# django-cachalot keeps what is read of these tables alone: public, small, hardly ever written;
# system checks refuse others. `morpheus.cache.reference` says what is left to it.
CACHALOT_ONLY_CACHABLE_TABLES = ("novels_genre", "novels_language")
CACHALOT_ENABLED = MORPHEUS_CACHE
CACHALOT_CACHE = "cachalot"
# Not the replica, which is not where writes are seen. Named, because of its own accord cachalot
# leaves an engine alone that it does not know.
CACHALOT_DATABASES = ("default",)
CACHALOT_ADDITIONAL_SUPPORTED_DATABASES = ("morpheus.db.postgresql",)
CACHALOT_TIMEOUT = 300  # Seconds.
# cachalot does not know our cache backend, a subclass of one that it supports.
SILENCED_SYSTEM_CHECKS = ["cachalot.W001"]
CACHALOT_QUERY_KEYGEN = "morpheus.cache.reference.query_key"
CACHALOT_CACHE_ITERATORS = False
CACHALOT_CACHE_RANDOM = False
# Each would cost such a statement more than it takes the database off (docs/caching.md); triggers
# see raw SQL, and the key generator refuses a query within a query.
CACHALOT_INVALIDATE_RAW = False
CACHALOT_FINAL_SQL_CHECK = False
