"""The app of the table that makes POSTs repeatable."""

from __future__ import annotations

from django.apps import AppConfig


class ApiConfig(AppConfig):
    """Delete expired responses."""

    name = "morpheus.api"

    def ready(self) -> None:
        from morpheus.api.idempotency import delete_expired
        from morpheus.worker.housekeeping import jobs

        jobs["idempotent_responses"] = delete_expired
