"""Morpheus as an app: its system checks, metrics and management commands."""

from __future__ import annotations

from django.apps import AppConfig


class MorpheusConfig(AppConfig):
    """Register system checks, metrics and the request log; this touches no database."""

    name = "morpheus"

    def ready(self) -> None:
        from django.conf import settings
        from django.contrib.postgres.signals import register_type_handlers
        from django.db.backends.signals import connection_created

        from morpheus import checks  # noqa: F401
        from morpheus.cache.response_cache import count_hits
        from morpheus.cache.store import collect_cache_metrics
        from morpheus.db.pool_metrics import collect_pool_metrics
        from morpheus.django_internals.django import forget_idle_signals, use_thread_locals
        from morpheus.http.disk_space import update_disk_metrics
        from morpheus.http.log_format import log_requests
        from morpheus.tracing.events import on_requests_finished
        from morpheus.tracing.periodic import every_second

        every_second.extend([collect_cache_metrics, collect_pool_metrics, update_disk_metrics])
        on_requests_finished.extend((count_hits, log_requests))
        # At each checkout from the pool, it would register hstore and citext; no column has them.
        connection_created.disconnect(register_type_handlers)
        forget_idle_signals(is_debug=settings.DEBUG)
        use_thread_locals()
