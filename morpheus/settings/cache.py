"""The Redis-compatible server: one logical database per use, so that none wipes another."""

from __future__ import annotations

from typing import Any
from urllib.parse import urlsplit

from django.core.exceptions import ImproperlyConfigured
from redis.connection import parse_url

from morpheus.services.addresses import Addresses

from .environment import VAR_DIR, env

__all__ = ["CACHES", "EMBEDDED_CACHE_MB", "SESSION_CACHE_ALIAS", "SESSION_ENGINE"]

_url = env.str("REDIS_URL", default="")
# First of the two logical databases used here; installations that share a server differ in it.
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
        "BACKEND": "django_redis.cache.RedisCache",
        "LOCATION": location,
        "OPTIONS": {
            # A stalled server costs these seconds per call, a dead one nothing.
            "SOCKET_CONNECT_TIMEOUT": 0.1,
            "SOCKET_TIMEOUT": 0.25,
            "IGNORE_EXCEPTIONS": True,
            "SERIALIZER": "django_redis.serializers.json.JSONSerializer",
        },
    }


if _url:
    _refuse_unusable(_url)
CACHES = {"default": _cache(0), "sessions": _cache(1)}

# Memory of the embedded server; what was not used for longest goes first.
EMBEDDED_CACHE_MB = env.number("MORPHEUS_CACHE_MB", default=256, at_least=8)

# Sessions live in the database and are only cached: they survive a dead or emptied cache server.
SESSION_ENGINE = "django.contrib.sessions.backends.cached_db"
SESSION_CACHE_ALIAS = "sessions"
