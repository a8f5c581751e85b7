"""The cache as a Django app: its database part is the outbox, which has no model."""

from __future__ import annotations

from django.apps import AppConfig
from django.core.signals import request_started


class CacheConfig(AppConfig):
    name = "morpheus.cache"
    label = "cache"

    def ready(self) -> None:
        from morpheus.cache import reference_tables  # noqa: F401 - its system checks
        from morpheus.cache.store import collect_cache_metrics
        from morpheus.django_internals.cachalot import forget_failed_transactions
        from morpheus.tracing.periodic import every_second

        request_started.connect(forget_failed_transactions)
        every_second.append(collect_cache_metrics)
