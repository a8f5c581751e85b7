"""Django REST framework done well: cursors, one query per response, only the needed columns."""

from __future__ import annotations

from django.db.models import QuerySet
from django.shortcuts import get_object_or_404
from django.urls import path
from rest_framework.generics import ListAPIView, RetrieveAPIView
from rest_framework.pagination import CursorPagination

from .models import Comic, Novel, Panel, Status
from .serializers import NovelSerializer, PanelSerializer, StatusSerializer

NOVELS = (
    Novel.objects.filter(is_public=True)
    .select_related("owner", "genre", "language")
    .only(
        *("title", "author", "synopsis", "is_public", "word_count", "chapter_count"),
        *("created_at", "updated_at", "genre__slug", "language__code", "owner__display_name"),
    )
)


class Newest(CursorPagination):
    page_size = 20
    page_size_query_param = "page_size"
    ordering = ("-created_at", "-id")


class InOrder(Newest):
    ordering = ("number",)


class NovelList(ListAPIView):
    queryset = NOVELS
    serializer_class = NovelSerializer
    pagination_class = Newest


class NovelDetail(RetrieveAPIView):
    queryset = NOVELS
    serializer_class = NovelSerializer


class StatusDetail(RetrieveAPIView):
    queryset = Status.objects.filter(is_public=True)
    serializer_class = StatusSerializer


class PanelList(ListAPIView):
    serializer_class = PanelSerializer
    pagination_class = InOrder

    def get_queryset(self) -> QuerySet[Panel]:
        comics = Comic.objects.filter(is_public=True).only("id")
        comic = get_object_or_404(comics, pk=self.kwargs["pk"])
        return (
            Panel.objects.filter(comic=comic)
            .select_related("image")
            .only("comic_id", "number", "caption", "image__digest", "image__width", "image__height")
        )


urlpatterns = [
    path("api/v1/novels/", NovelList.as_view()),
    path("api/v1/novels/<int:pk>/", NovelDetail.as_view()),
    path("api/v1/novels/<int:pk>/status/", StatusDetail.as_view()),
    path("api/v1/comics/<int:pk>/panels/", PanelList.as_view()),
]
