"""Settings of all peers: what `startproject` generates, without debugging, and what each adds.

- `natural`: each request opens its own connection.
- `natural_kept`: each thread keeps an unchecked connection, the least possible work.
- `cachalot`: the same, and django-cachalot on every table.
- `done_well`: kept connections, prepared statements and one fast renderer.
- `bolt`: django-bolt without middleware, kept connections, prepared statements.

The login bypasses row level security.
"""

from __future__ import annotations

import os
from typing import Any

from psycopg.conninfo import conninfo_to_dict

PEER = os.environ["BENCH_PEER"]
_login = conninfo_to_dict(os.environ["BENCH_DATABASE_URL"])

SECRET_KEY = "only-for-measuring"  # noqa: S105 - no signature is kept
ALLOWED_HOSTS = ["localhost", "127.0.0.1", "testserver"]
DEBUG = False
INSTALLED_APPS = [
    "django.contrib.auth",
    "django.contrib.contenttypes",
    "django.contrib.sessions",
    "django.contrib.messages",
    "rest_framework",
    "perf.lab.peers.stacks",
]
MIDDLEWARE = [
    "django.middleware.security.SecurityMiddleware",
    "django.contrib.sessions.middleware.SessionMiddleware",
    "django.middleware.common.CommonMiddleware",
    "django.middleware.csrf.CsrfViewMiddleware",
    "django.contrib.auth.middleware.AuthenticationMiddleware",
    "django.contrib.messages.middleware.MessageMiddleware",
    "django.middleware.clickjacking.XFrameOptionsMiddleware",
]
ROOT_URLCONF = "perf.lab.peers.stacks.natural"
DATABASES: dict[str, dict[str, Any]] = {
    "default": {
        "ENGINE": "django.db.backends.postgresql",
        "NAME": _login["dbname"],
        "USER": _login["user"],
        "HOST": _login["host"],
        "PORT": _login.get("port", ""),
        "CONN_MAX_AGE": 0 if PEER == "natural" else None,
        "OPTIONS": {},
    }
}
DEFAULT_AUTO_FIELD = "django.db.models.BigAutoField"
USE_TZ = True
TIME_ZONE = "UTC"
REST_FRAMEWORK: dict[str, Any] = {
    "DEFAULT_PERMISSION_CLASSES": ["rest_framework.permissions.IsAuthenticatedOrReadOnly"],
    # The format of the contract.
    "DATETIME_FORMAT": "%Y-%m-%dT%H:%M:%S.%fZ",
}

if PEER == "cachalot":
    INSTALLED_APPS.append("cachalot")
    CACHES = {
        "default": {
            "BACKEND": "django_redis.cache.RedisCache",
            "LOCATION": os.environ["BENCH_REDIS_URL"],
            "KEY_PREFIX": "peer",
        }
    }
if PEER in ("done_well", "bolt"):
    DATABASES["default"]["OPTIONS"] = {"server_side_binding": True, "prepare_threshold": 5}
if PEER == "done_well":
    ROOT_URLCONF = "perf.lab.peers.stacks.done_well"
    REST_FRAMEWORK["DEFAULT_RENDERER_CLASSES"] = [
        "perf.lab.peers.stacks.serializers.OrjsonRenderer"
    ]
if PEER == "bolt":
    INSTALLED_APPS = [
        "django.contrib.contenttypes",
        "django.contrib.auth",
        "django_bolt",
        "perf.lab.peers.stacks",
    ]
    MIDDLEWARE = []
    ROOT_URLCONF = "perf.lab.peers.bolt"
    BOLT_API = ["perf.lab.peers.bolt.api:api"]
