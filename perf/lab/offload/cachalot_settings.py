"""django-cachalot on every table and no other cache: what it saves, not what is safe.

Its keys know nothing of row level security, so that it can answer one user with another's rows:
nobody may serve with this.
"""

from __future__ import annotations

from .settings import *  # noqa: F403
from .settings import CACHES, INSTALLED_APPS

INSTALLED_APPS = list(dict.fromkeys([*INSTALLED_APPS, "cachalot"]))

# The cache server of the other modes. Pickled: rows hold times and bytes, which JSON does not.
CACHES = CACHES | {
    "alone": {
        "BACKEND": "django_redis.cache.RedisCache",
        "LOCATION": CACHES["default"]["LOCATION"],
        "KEY_PREFIX": "alone",
        "OPTIONS": {"SOCKET_CONNECT_TIMEOUT": 1.0, "SOCKET_TIMEOUT": 1.0},
    }
}
CACHALOT_CACHE = "alone"
# Our engine is a subclass; without a name here cachalot would leave it alone.
CACHALOT_DATABASES = ("default",)
CACHALOT_TIMEOUT = 600  # Seconds.
# The package's own defaults, whatever Morpheus itself sets: no list of tables is every table.
CACHALOT_ENABLED = True
CACHALOT_ONLY_CACHABLE_TABLES = ()  # type: ignore[assignment] # fewer than those of Morpheus
CACHALOT_QUERY_KEYGEN = "cachalot.utils.get_query_cache_key"
CACHALOT_INVALIDATE_RAW = True
CACHALOT_CACHE_ITERATORS = True
CACHALOT_FINAL_SQL_CHECK = False
