"""Routes of this app under `/api/v1/`."""

from __future__ import annotations

from django.urls import path

from novels.views.chapters import ChapterListView, ChapterView, StatusView
from novels.views.events import NovelEventsView, OwnEventsView
from novels.views.genres import GenreListView, LanguageListView
from novels.views.novels import NovelBulkView, NovelListView, NovelParseView, NovelView
from novels.views.search import SearchView

urlpatterns = [
    path("novels/", NovelListView.as_view(), name="novels"),
    path("novels/<int:novel_id>/", NovelView.as_view(), name="novel"),
    path("novels/bulk/", NovelBulkView.as_view(), name="novels-bulk"),
    path("novels/<int:novel_id>/chapters/", ChapterListView.as_view(), name="novel-chapters"),
    path(
        "novels/<int:novel_id>/chapters/<int:number>/", ChapterView.as_view(), name="novel-chapter"
    ),
    path("novels/<int:novel_id>/status/", StatusView.as_view(), name="novel-status"),
    path("novels/<int:novel_id>/parse/", NovelParseView.as_view(), name="novel-parse"),
    path("genres/", GenreListView.as_view(), name="genres"),
    path("languages/", LanguageListView.as_view(), name="languages"),
    path("novels/<int:novel_id>/events/", NovelEventsView.as_view(), name="novel-events"),
    path("users/me/events/", OwnEventsView.as_view(), name="user-events"),
    path("search/", SearchView.as_view(), name="search"),
]
