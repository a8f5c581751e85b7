"""Cache policies of users; each comment names the tags that invalidate a value."""

from __future__ import annotations

from morpheus.cache.policies import CachePolicy

# Public name: `name:<id>`.
NAME = CachePolicy("users.name", version=1, ttl_s=3600)

# Public profile of an active user: `user:<id>`.
PROFILE = CachePolicy("users.profile", version=1, ttl_s=3600)

# User, expiry and scopes of a token: `token:<digest>`.
TOKEN = CachePolicy("users.token", version=2, ttl_s=3600, caches_none=False)

# The row of a user, for that user, without the password's hash: `user:<id>`.
ACCOUNT = CachePolicy("users.account", version=2, ttl_s=3600)

# Progress of an export, for its user: `export:<id>`.
EXPORT = CachePolicy("users.export", version=1, ttl_s=30)

# Storage of a user, for each part: `owner:<id>/novels`, `owner:<id>/comics`.
USAGE = CachePolicy("users.usage", version=1, ttl_s=3600)
