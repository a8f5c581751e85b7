"""The natural way, and django-cachalot on every table, as its documentation begins."""

from __future__ import annotations

import os

from .natural import *  # noqa: F403
from .natural import INSTALLED_APPS

INSTALLED_APPS = [*INSTALLED_APPS, "cachalot"]
CACHES = {
    "default": {
        "BACKEND": "django_redis.cache.RedisCache",
        "LOCATION": os.environ["BENCH_REDIS_URL"],
        "KEY_PREFIX": "peer",
    }
}
