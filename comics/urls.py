"""Routes of this app under `/api/v1/`."""

from __future__ import annotations

from django.urls import path

from comics.views.comics import ComicBulkView, ComicListView, ComicView, DashboardView
from comics.views.panels import PanelListView, PanelOrderView, PanelView
from comics.views.pictures import PanelImageView, ThumbnailView

urlpatterns = [
    path("users/me/dashboard/", DashboardView.as_view(), name="user-dashboard"),
    path("comics/", ComicListView.as_view(), name="comics"),
    path("comics/<int:comic_id>/", ComicView.as_view(), name="comic"),
    path("comics/bulk/", ComicBulkView.as_view(), name="comics-bulk"),
    path("comics/<int:comic_id>/panels/", PanelListView.as_view(), name="comic-panels"),
    path(
        "comics/<int:comic_id>/panels/order/", PanelOrderView.as_view(), name="comic-panels-order"
    ),
    path("comics/<int:comic_id>/panels/<int:panel_id>/", PanelView.as_view(), name="comic-panel"),
    path(
        "comics/<int:comic_id>/panels/<int:number>/image/",
        PanelImageView.as_view(),
        name="comic-panel-image",
    ),
    path("comics/<int:comic_id>/thumbnail/", ThumbnailView.as_view(), name="comic-thumbnail"),
]
