"""What is cached of users, for how long, and who ends it."""

from __future__ import annotations

from morpheus.cache.policies import CachePolicy

# The name beside a novel or a comic; `name:<id>` ends it.
NAME = CachePolicy("users.name", version=1, ttl_s=3600)

# Whom a token logs in, until when; `token:<digest>` ends it.
TOKEN = CachePolicy("users.token", version=1, ttl_s=3600, caches_none=False)

# All of a user, for themselves, but the password's hash; `user:<id>` ends it.
ACCOUNT = CachePolicy("users.account", version=1, ttl_s=3600)

# What a user keeps, by the part that counts it; `owner:<id>/novels` and `…/comics` end it.
USAGE = CachePolicy("users.usage", version=1, ttl_s=3600)
