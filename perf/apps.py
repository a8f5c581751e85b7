"""The app that watches and proves; it may import every other, none imports it."""

from __future__ import annotations

from django.apps import AppConfig


class PerfConfig(AppConfig):
    """Seeding, measuring, the dashboard, and the proof that lists have their indexes."""

    name = "perf"

    def ready(self) -> None:
        from django.contrib import admin

        from morpheus.http.metrics import derived_metrics
        from morpheus.tracing import on_answer, on_statement
        from morpheus.tracing.periodic import on_slow_pulse
        from perf.monitoring import checks  # noqa: F401
        from perf.monitoring.dashboard import urls as dashboard
        from perf.monitoring.queries.derived import offload
        from perf.monitoring.queries.origins import note_origins, tell_origins
        from perf.monitoring.queries.queue import look_at_queue
        from perf.monitoring.queries.watching import answered, ran
        from perf.monitoring.request_traces.choosing import answered as explained
        from perf.monitoring.slow_queries import watching as slow

        on_answer.extend((answered, note_origins, explained, slow.answered))
        on_statement.extend((ran, slow.ran))
        derived_metrics.append(offload)
        on_slow_pulse += [look_at_queue, tell_origins]
        dashboard.add_to(admin.site)
