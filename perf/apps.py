"""The app that watches and proves; it may import every other, none imports it."""

from __future__ import annotations

from django.apps import AppConfig


class PerfConfig(AppConfig):
    """Seeding, measuring, the dashboard, and the proof that lists have their indexes."""

    name = "perf"

    def ready(self) -> None:
        from django.contrib import admin

        from morpheus.http.metrics import derived_metrics
        from morpheus.tracing import on_request_finished, on_statement_executed
        from morpheus.tracing.periodic import every_ten_seconds
        from perf.monitoring import checks  # noqa: F401
        from perf.monitoring.dashboard import urls as dashboard
        from perf.monitoring.queries.derived import offload
        from perf.monitoring.queries.origins import note_origins, tell_origins
        from perf.monitoring.queries.queue import look_at_queue
        from perf.monitoring.queries.watching import answered, ran
        from perf.monitoring.request_traces.choosing import answered as explained
        from perf.monitoring.slow_queries import watching as slow

        on_request_finished.extend((answered, note_origins, explained, slow.answered))
        on_statement_executed.extend((ran, slow.ran))
        derived_metrics.append(offload)
        every_ten_seconds += [look_at_queue, tell_origins]
        dashboard.add_to(admin.site)
