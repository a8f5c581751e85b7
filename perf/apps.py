"""The app that watches and proves; it may import every other, none imports it."""

from __future__ import annotations

from django.apps import AppConfig


class PerfConfig(AppConfig):
    """Seeding, measuring, and the proof that lists have their indexes."""

    name = "perf"

    def ready(self) -> None:
        from perf import checks  # noqa: F401
