"""JSON by orjson; in its own module, because DRF imports it before any view."""

from __future__ import annotations

from typing import Any

import orjson
from rest_framework.renderers import BaseRenderer


class OrjsonRenderer(BaseRenderer):
    media_type = "application/json"
    format = "json"
    charset = None

    def render(self, data: Any, *args: Any, **options: Any) -> bytes:
        return orjson.dumps(data)
