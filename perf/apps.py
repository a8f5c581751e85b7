"""The performance app: monitoring, seeding and the lab. It may import every other app."""

from __future__ import annotations

from django.apps import AppConfig


class PerfConfig(AppConfig):
    """Subscribes the monitoring to requests and statements; adds checks and the dashboard."""

    name = "perf"
    verbose_name = "Performance"

    def ready(self) -> None:
        from django.conf import settings
        from django.contrib import admin

        from morpheus.http.metrics import derived_metrics
        from morpheus.tracing.events import on_requests_finished, on_statement_executed
        from morpheus.tracing.periodic import every_ten_seconds
        from morpheus.worker.housekeeping import jobs
        from perf.monitoring import list_indexes  # noqa: F401 - it registers a check
        from perf.monitoring.cache_offload import SOURCES, collect_cache_offload
        from perf.monitoring.dashboard.urls import PAGES
        from perf.monitoring.history import delete_old_samples, store_sample
        from perf.monitoring.queries import monitor, statement_routes
        from perf.monitoring.request_traces.sampling import sample_requests
        from perf.monitoring.slow_queries import recorder
        from perf.monitoring.slow_queries.storage import delete_old_rows
        from perf.monitoring.task_queue import update_queue_gauges

        on_requests_finished += [monitor.record_requests, statement_routes.note_statement_routes]
        on_requests_finished += [sample_requests, recorder.check_requests]
        on_statement_executed += [monitor.record_statement, recorder.check_statement]
        if settings.OTEL_EXPORTER_OTLP_ENDPOINT:
            from perf.monitoring.open_telemetry import export_requests

            on_requests_finished.append(export_requests)
        derived_metrics += [(collect_cache_offload, SOURCES)]
        every_ten_seconds += [update_queue_gauges, statement_routes.send_statement_routes]
        every_ten_seconds += [store_sample]
        admin.site.pages["perf"] = PAGES  # type: ignore[attr-defined] # MorpheusAdminSite
        jobs["slow_queries"] = delete_old_rows
        jobs["metrics_samples"] = delete_old_samples
