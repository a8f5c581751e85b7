"""What `startproject` generates, without debugging; each request opens its own connection.

The login bypasses row level security.
"""

from __future__ import annotations

import os
from typing import Any

from psycopg.conninfo import conninfo_to_dict

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
