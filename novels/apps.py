"""The app of novels, their chapters and their processing."""

from __future__ import annotations

from django.apps import AppConfig
from django.db.models.signals import post_migrate


class NovelsConfig(AppConfig):
    """Keep the reference tables filled; count a user's uploads among what they keep."""

    name = "novels"

    def ready(self) -> None:
        from novels import tasks  # noqa: F401 - connects to signals
        from novels.models import NovelUpload
        from novels.reference import reference_rows_ensure
        from users.quotas import usage_sources

        usage_sources["novels"] = NovelUpload.objects.usage
        post_migrate.connect(reference_rows_ensure, sender=self)
