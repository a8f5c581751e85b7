"""The Redis-compatible server: one logical database per use, so that none wipes another."""

from __future__ import annotations

from typing import Any

from morpheus.services.addresses import Addresses

from .environment import VAR_DIR, env

__all__ = ["CACHES", "EMBEDDED_CACHE_MB", "SESSION_CACHE_ALIAS", "SESSION_ENGINE"]

_url = env.str("REDIS_URL", default="")
# First of the two logical databases used here; installations that share a server differ in it.
_base = env.int("CACHE_DATABASE_BASE", default=0)


def _cache(database: int) -> dict[str, Any]:
    if _url:
        location = f"{_url.rstrip('/')}/{_base + database}"
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


CACHES = {"default": _cache(0), "sessions": _cache(1)}

# Memory of the embedded server; what was not used for longest goes first.
EMBEDDED_CACHE_MB = env.int("MORPHEUS_CACHE_MB", default=256)

# Sessions live in the database and are only cached: they survive a dead or emptied cache server.
SESSION_ENGINE = "django.contrib.sessions.backends.cached_db"
SESSION_CACHE_ALIAS = "sessions"
