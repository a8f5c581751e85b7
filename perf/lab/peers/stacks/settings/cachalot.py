"""The natural way with kept connections, and django-cachalot on every table."""

from __future__ import annotations

import os

from .natural_kept import *  # noqa: F403
from .natural_kept import INSTALLED_APPS

INSTALLED_APPS = [*INSTALLED_APPS, "cachalot"]
CACHES = {
    "default": {
        "BACKEND": "django_redis.cache.RedisCache",
        "LOCATION": os.environ["BENCH_REDIS_URL"],
        "KEY_PREFIX": "peer",
    }
}
