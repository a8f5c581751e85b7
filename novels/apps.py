"""The app of novels, their chapters and their processing."""

from __future__ import annotations

from pathlib import Path
from typing import Any

from django.apps import AppConfig
from django.db import connection
from django.db.models.signals import post_migrate

REFERENCE_ROWS = Path(__file__).with_name("sql") / "reference_rows.sql"


class NovelsConfig(AppConfig):
    """Keep the reference tables filled, count a user's uploads, delete files without a row."""

    name = "novels"

    def ready(self) -> None:
        from morpheus.worker.housekeeping import jobs
        from novels import tasks  # noqa: F401 - connects to signals
        from novels.account_part import NOVELS
        from novels.models import NovelUpload
        from novels.services.uploads import upload_files_delete_stray
        from users.account_parts import account_parts
        from users.quotas import UsageSource, usage_sources

        usage_sources["novels"] = UsageSource("novels", "bytes", build=NovelUpload.objects.usage)
        account_parts["novels"] = NOVELS
        jobs["upload_files"] = upload_files_delete_stray
        post_migrate.connect(reference_rows_ensure, sender=self)


def reference_rows_ensure(**signal: Any) -> None:
    """Add missing genres and languages; existing ones stay unchanged.

    Runs after each `migrate`, also after one that took the tables away.
    """
    if "novels_language" in connection.introspection.table_names():
        with connection.cursor() as cursor:
            cursor.execute(REFERENCE_ROWS.read_text())
