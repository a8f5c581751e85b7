"""The app of comics and their pictures."""

from __future__ import annotations

from django.apps import AppConfig


class ComicsConfig(AppConfig):
    """Count the pictures of a user's comics among what they keep."""

    name = "comics"

    def ready(self) -> None:
        from comics.models import Comic
        from users.quotas import UsageSource, usage_sources

        usage_sources["comics"] = UsageSource(
            "bytes", build=lambda owner_id: Comic.objects.owned_by(owner_id).usage()
        )
