"""Files and longer bodies of example requests: plain data, as `example_catalogue`."""

from __future__ import annotations

import io
from typing import Any

from PIL import Image

from perf.lab.multipart_forms import Upload


def draw_picture(colour: str, width: int = 400) -> bytes:
    """Return a small picture as PNG."""
    file = io.BytesIO()
    Image.new("RGB", (width, 300), colour).save(file, "PNG")
    return file.getvalue()


NOVEL_FILE = Upload("file", "novel.txt", b"Chapter 1\n\nOnce upon a time.")
PANEL_IMAGE = Upload("image", "panel.png", draw_picture("navy"))
OTHER_IMAGE = Upload("image", "panel.png", draw_picture("teal"))

NEW_TOKEN = {"name": "A program", "scopes": ["read"]}
READ_NOVEL = {"chapter": "{number}", "position": 0.5, "read_at": "2026-01-01T12:00:00Z"}
READ_COMIC = {"panel": "{number}", "read_at": "2026-01-01T12:00:00Z"}
# The place in the novel is older than the one before, and that in the comic is newer.
READ_OFFLINE: dict[str, Any] = {
    "entries": [
        {"novel": "{novel_id}", "chapter": "{number}", "read_at": "2026-01-01T11:00:00Z"},
        {"comic": "{comic_id}", "panel": "{number}", "read_at": "2026-01-01T13:00:00Z"},
    ]
}
# With an id that no row has, so that every statement of the route is sent.
_NOT_FOUND = 2**63 - 1
WITHDRAW_NOVEL = {"action": "withdraw", "ids": ["{novel_id}", _NOT_FOUND]}
WITHDRAW_COMIC = {"action": "withdraw", "ids": ["{comic_id}", _NOT_FOUND]}
