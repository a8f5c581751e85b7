"""The Redis-compatible server: one logical database per use, so that none flushes another."""

from __future__ import annotations

import re
from typing import Any
from urllib.parse import urlsplit

from django.core.exceptions import ImproperlyConfigured
from redis.connection import parse_url

from morpheus.embedded.addresses import Addresses

from . import environment as env

_url = env.text("REDIS_URL")
# First of the three logical databases; installations that share a server need different ones.
_base = env.number("MORPHEUS_CACHE_DATABASE_BASE", default=0, at_least=0)


def _parse(url: str) -> tuple[str, list[tuple[str, int]]]:
    """Return the URL for redis-py, and host and port of each sentinel.

    With sentinels, the host of the URL is the name that they have for the master, as django-redis
    wants it.

    Raises:
        ImproperlyConfigured: Not usable. The message has no URL, because that has the password.
    """
    sentinels: list[tuple[str, int]] = []
    is_usable = True
    scheme, _, rest = url.partition("://")
    try:
        if scheme == "redis+sentinel":
            # `urlsplit` of Python 3.14 refuses several hosts of which one is an IPv6 address.
            hosts, _, path = rest.partition("/")
            login, at, hosts = hosts.rpartition("@")
            each = [urlsplit(f"//{host}") for host in hosts.split(",")]
            sentinels = [(str(host.hostname), host.port or 26379) for host in each]
            service, mark, query = path.partition("?")
            service = service.strip("/")
            # A host's name is lower case to django-redis.
            is_usable = bool(re.fullmatch(r"[a-z0-9._-]+", service))
            is_usable = is_usable and all(host.hostname for host in each)
            url = f"redis://{login}{at}{service}{mark}{query}"
        options = parse_url(url)  # type: ignore[no-untyped-call]
        is_usable = is_usable and "db" not in options and not urlsplit(url).fragment
    except ValueError:
        is_usable = False
    if not is_usable:
        raise ImproperlyConfigured(
            "REDIS_URL must be like redis://:password@host:6379, rediss://…, unix:///socket or "
            "redis+sentinel://:password@host:26379,host:26379/service, without a database number: "
            "MORPHEUS_CACHE_DATABASE_BASE sets the first one. In the password, all but letters and "
            "digits are percent-encoded, as %40 for @."
        )
    return url, sentinels


def _cache(database: int) -> dict[str, Any]:
    if _url:
        location = f"{_url}{'&' if '?' in _url else '?'}db={_base + database}"
    else:
        location = Addresses.under(env.MORPHEUS_VAR).redis_url(_base + database)
    return {
        "BACKEND": "django_redis.cache.RedisCache",
        "LOCATION": location,
        "OPTIONS": {
            "SOCKET_CONNECT_TIMEOUT": 0.1,
            "SOCKET_TIMEOUT": 0.25,
            "IGNORE_EXCEPTIONS": True,
            # Each thread uses one at a time. Beyond the limit redis-py raises instead of waiting.
            "CONNECTION_POOL_KWARGS": {"max_connections": 1024},
            "SERIALIZER": "morpheus.cache.reference_tables.RowSerializer",
        }
        | _sentinel_options,
    }


_sentinel_options: dict[str, Any] = {}
if _url:
    _url, _sentinels = _parse(_url)
    if _sentinels:
        _sentinel_options = {
            "CONNECTION_FACTORY": "django_redis.pool.SentinelConnectionFactory",
            "SENTINELS": _sentinels,
            "SENTINEL_KWARGS": {
                "socket_connect_timeout": 0.1,
                "socket_timeout": 0.25,
                "retry": None,
            },
        }
CACHES = {
    # Only django-cachalot uses it, for the reference tables.
    "default": _cache(0),
    # Only `morpheus.cache` uses it, over connections of its own.
    "values": _cache(1),
    # Request traces (perf.monitoring.request_traces), over connections of their own.
    "explained": _cache(2),
}

# Off, every read goes to the database; for measurements and for emergencies.
MORPHEUS_CACHE = env.flag("MORPHEUS_CACHE", default=True)

# Share of the cache hits for sampled shadow verification.
MORPHEUS_CACHE_SHADOW_PERCENT = env.number(
    "MORPHEUS_CACHE_SHADOW_PERCENT", default=1.0, at_least=0, at_most=100
)

# Sessions are stored in the database and only cached, so they survive the loss of the cache.
SESSION_ENGINE = "morpheus.cache.sessions"

# django-cachalot caches reads of these tables alone: public, small, rarely written. Tests refuse a
# table under row level security, and columns that JSON does not preserve.
CACHALOT_ONLY_CACHABLE_TABLES = ("novels_genre", "novels_language")
CACHALOT_ENABLED = MORPHEUS_CACHE
# Not the replica, where no write is seen. By name, because cachalot ignores an unknown engine.
CACHALOT_DATABASES = ("default",)
CACHALOT_ADDITIONAL_SUPPORTED_DATABASES = ("morpheus.db.postgresql",)
CACHALOT_TIMEOUT = 300  # Seconds.
CACHALOT_QUERY_KEYGEN = "morpheus.cache.reference_tables.query_key"
CACHALOT_CACHE_ITERATORS = False
# Each costs a statement more than it saves (docs/caching.md). Triggers see raw SQL, and the key
# generator refuses subqueries.
CACHALOT_INVALIDATE_RAW = False
CACHALOT_FINAL_SQL_CHECK = False
