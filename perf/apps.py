"""The app that watches and proves; it may import every other, none imports it."""

from __future__ import annotations

from django.apps import AppConfig


class PerfConfig(AppConfig):
    """Seeding, measuring, the dashboard, and the proof that lists have their indexes."""

    name = "perf"

    def ready(self) -> None:
        from django.contrib import admin

        from morpheus.metrics import derived
        from morpheus.observing import on_answer, on_statement
        from morpheus.observing.pulse import on_slow_pulse
        from perf import checks  # noqa: F401
        from perf.dashboard import urls as dashboard
        from perf.explaining.choosing import answered as explained
        from perf.monitor.derived import offload
        from perf.monitor.origins import note_origins, tell_origins
        from perf.monitor.queue import look_at_queue
        from perf.monitor.watching import answered, ran
        from perf.slow import watching as slow

        on_answer.extend((answered, note_origins, explained, slow.answered))
        on_statement.extend((ran, slow.ran))
        derived.append(offload)
        on_slow_pulse += [look_at_queue, tell_origins]
        dashboard.add_to(admin.site)
