"""How responses are rendered: the choice of a renderer, and JSON."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from typing import Any

import orjson
from rest_framework import renderers
from rest_framework.negotiation import DefaultContentNegotiation
from rest_framework.renderers import BaseRenderer
from rest_framework.request import Request

# DRF escapes them too: JavaScript ends a line at these.
_ESCAPED = b"\xe2\x80"
_ESCAPES = ((b"\xe2\x80\xa8", b"\\u2028"), (b"\xe2\x80\xa9", b"\\u2029"))


class ContentNegotiation(DefaultContentNegotiation):
    """DRF's negotiation, skipped where the client accepts the view's first renderer."""

    def select_renderer(
        self, request: Request, renderers: Iterable[BaseRenderer], format_suffix: Any = None
    ) -> tuple[BaseRenderer, str]:
        first = next(iter(renderers))
        media_type = str(first.media_type)
        if not format_suffix and request.META.get("HTTP_ACCEPT", "*/*") in ("*/*", media_type):
            return first, media_type
        choice: tuple[BaseRenderer, str] = super().select_renderer(
            request, renderers, format_suffix
        )
        return choice


class JSONRenderer(renderers.JSONRenderer):
    """DRF's JSON, by orjson where both write the same: plain values without indentation."""

    def render(
        self,
        data: Any,
        accepted_media_type: str | None = None,
        renderer_context: Mapping[str, Any] | None = None,
    ) -> bytes:
        if data is not None and accepted_media_type == self.media_type:
            try:
                # orjson raises for times, which DRF formats, and for types that it does not know.
                text = orjson.dumps(data, option=orjson.OPT_PASSTHROUGH_DATETIME)
            except TypeError:
                pass
            else:
                for character, escape in _ESCAPES if _ESCAPED in text else ():
                    text = text.replace(character, escape)
                return text
        return bytes(super().render(data, accepted_media_type, renderer_context))
