"""The only place that writes comics, panels and images."""

from __future__ import annotations

from comics.services.comics import (
    comic_create,
    comic_delete,
    comic_set_visibility,
    comic_update,
)
from comics.services.images import images_delete_unused, rendition_create
from comics.services.panels import panel_add

__all__ = [
    "comic_create",
    "comic_delete",
    "comic_set_visibility",
    "comic_update",
    "images_delete_unused",
    "panel_add",
    "rendition_create",
]
