"""The app that watches and proves; it may import every other, none imports it."""

from __future__ import annotations

from django.apps import AppConfig


class PerfConfig(AppConfig):
    """Seeding, measuring, and the proof that lists have their indexes."""

    name = "perf"

    def ready(self) -> None:
        from morpheus.metrics import derived
        from morpheus.observing import on_answer, on_statement
        from morpheus.observing.pulse import on_slow_pulse
        from perf import checks  # noqa: F401
        from perf.explaining.choosing import answered as explained
        from perf.monitor.derived import offload
        from perf.monitor.queue import look_at_queue
        from perf.monitor.watching import answered, ran
        from perf.slow import watching as slow

        on_answer.extend((answered, explained, slow.answered))
        on_statement.extend((ran, slow.ran))
        derived.append(offload)
        on_slow_pulse.append(look_at_queue)
