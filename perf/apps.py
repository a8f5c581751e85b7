"""The app that watches and proves; it may import every other, none imports it."""

from __future__ import annotations

from django.apps import AppConfig


class PerfConfig(AppConfig):
    """Seeding and measuring."""

    name = "perf"
