"""The cache as a Django app: its database part is the outbox, which has no model."""

from __future__ import annotations

from django.apps import AppConfig


class CacheConfig(AppConfig):
    name = "morpheus.cache"
    label = "cache"
