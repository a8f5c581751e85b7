"""The API of comics."""

from __future__ import annotations

from comics.views.comics import ComicDetailView, ComicListView
from comics.views.dashboard import DashboardView
from comics.views.panels import PanelListView
from comics.views.pictures import PanelImageView, ThumbnailView

__all__ = [
    "ComicDetailView",
    "ComicListView",
    "DashboardView",
    "PanelImageView",
    "PanelListView",
    "ThumbnailView",
]
