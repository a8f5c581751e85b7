"""The frame as an app: its system checks and management commands."""

from __future__ import annotations

from django.apps import AppConfig


class MorpheusConfig(AppConfig):
    """Register the kernel's system checks; importing it touches no database."""

    name = "morpheus"

    def ready(self) -> None:
        from morpheus import checks  # noqa: F401
