"""Routes of this app under `/api/v1/`."""

from __future__ import annotations

from django.urls import path

from comics.reading.views import ComicProgressView, NovelProgressView, ProgressListView, ReadingView

urlpatterns = [
    path("novels/<int:novel_id>/progress/", NovelProgressView.as_view(), name="novel-progress"),
    path("comics/<int:comic_id>/progress/", ComicProgressView.as_view(), name="comic-progress"),
    path("users/me/progress/", ProgressListView.as_view(), name="user-progress"),
    path("users/me/continue/", ReadingView.as_view(), name="user-continue"),
]
