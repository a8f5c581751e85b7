"""Routes of this app under `/api/v1/`."""

from __future__ import annotations

from django.urls import path

from comics import views

urlpatterns = [
    path("users/me/dashboard/", views.DashboardView.as_view(), name="user-dashboard"),
    path("comics/", views.ComicListView.as_view(), name="comics"),
    path("comics/<int:comic_id>/", views.ComicDetailView.as_view(), name="comic"),
    path("comics/<int:comic_id>/panels/", views.PanelListView.as_view(), name="comic-panels"),
    path(
        "comics/<int:comic_id>/panels/<int:number>/image/",
        views.PanelImageView.as_view(),
        name="comic-panel-image",
    ),
    path("comics/<int:comic_id>/thumbnail/", views.ThumbnailView.as_view(), name="comic-thumbnail"),
]
