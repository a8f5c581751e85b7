"""The app of comics and their pictures."""

from __future__ import annotations

from django.apps import AppConfig


class ComicsConfig(AppConfig):
    """Count the pictures of a user's comics, delete picture files without a row."""

    name = "comics"

    def ready(self) -> None:
        from comics.account_part import COMICS
        from comics.models import Comic
        from comics.services.images import image_files_delete_stray
        from morpheus.worker.housekeeping import jobs
        from users.account_parts import account_parts
        from users.quotas import UsageSource, usage_sources

        usage_sources["comics"] = UsageSource(
            "bytes", build=lambda owner_id: Comic.objects.owned_by(owner_id).usage()
        )
        account_parts["comics"] = COMICS
        jobs["image_files"] = image_files_delete_stray
