"""A password validator beside Django's own."""

from __future__ import annotations

from typing import Any

from django.core.exceptions import ValidationError

from morpheus.db.name_fields import has_visible_character


class VisiblePasswordValidator:
    """Refuses passwords without a visible character."""

    def validate(self, password: str, user: Any = None) -> None:
        if not has_visible_character(password):
            raise ValidationError(self.get_help_text(), code="password_invisible")

    def get_help_text(self) -> str:
        return "A password has at least one visible character."
