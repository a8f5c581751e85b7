"""How the OpenAPI document describes a view; apart, because the base of all views imports it."""

from __future__ import annotations

from typing import Any

from drf_spectacular.openapi import AutoSchema


class ViewSchema(AutoSchema):
    """drf-spectacular's, which reads a view's parameters where the view itself does."""

    def get_override_parameters(self) -> list[Any]:
        return [*getattr(self.view, "parameters", ())] if self.method == "GET" else []
