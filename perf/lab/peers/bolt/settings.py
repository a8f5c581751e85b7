"""Settings of django-bolt: no middleware, kept connections, prepared statements."""

from __future__ import annotations

import os

os.environ["BENCH_PEER"] = "bolt"

from perf.lab.peers.stacks.settings import *  # noqa: E402, F403
from perf.lab.peers.stacks.settings import DATABASES  # noqa: E402

INSTALLED_APPS = [
    "django.contrib.contenttypes",
    "django.contrib.auth",
    "django_bolt",
    "perf.lab.peers.stacks",
]
MIDDLEWARE: list[str] = []
ROOT_URLCONF = "perf.lab.peers.bolt"
BOLT_API = ["perf.lab.peers.bolt.api:api"]
DATABASES["default"]["OPTIONS"] = {"server_side_binding": True, "prepare_threshold": 5}
