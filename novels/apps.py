"""The app of novels, their chapters and their processing."""

from __future__ import annotations

from django.apps import AppConfig
from django.db.models.signals import post_migrate


class NovelsConfig(AppConfig):
    """Keep the reference tables filled."""

    name = "novels"

    def ready(self) -> None:
        from novels.reference import reference_rows_ensure

        post_migrate.connect(reference_rows_ensure, sender=self)
