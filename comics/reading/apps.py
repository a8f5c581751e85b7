"""The app of what users read, and how far they are."""

from __future__ import annotations

from django.apps import AppConfig


class ReadingConfig(AppConfig):
    """Export the reading progress of a user."""

    name = "comics.reading"

    def ready(self) -> None:
        from comics.reading.account_part import READING
        from users.account_parts import account_parts

        account_parts["reading"] = READING
