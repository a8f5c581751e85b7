"""The natural way: view sets, page numbers, and serializers that read related rows one by one."""

from __future__ import annotations

from typing import Any

from django.urls import include, path
from rest_framework.decorators import action
from rest_framework.pagination import PageNumberPagination
from rest_framework.request import Request
from rest_framework.response import Response
from rest_framework.routers import DefaultRouter
from rest_framework.viewsets import ModelViewSet

from .models import Comic, Novel
from .serializers import NovelSerializer, PanelSerializer, StatusSerializer


class Pages(PageNumberPagination):
    page_size = 20
    page_size_query_param = "page_size"


class NovelViewSet(ModelViewSet):
    queryset = Novel.objects.filter(is_public=True).order_by("-created_at", "-id")
    serializer_class = NovelSerializer
    pagination_class = Pages

    @action(detail=True)
    def status(self, request: Request, pk: str) -> Response:
        return Response(StatusSerializer(self.get_object().status).data)


class ComicViewSet(ModelViewSet):
    queryset = Comic.objects.filter(is_public=True)
    serializer_class = PanelSerializer
    pagination_class = Pages

    @action(detail=True)
    def panels(self, request: Request, pk: str) -> Response:
        comic: Any = self.get_object()
        page = self.paginate_queryset(comic.panels.order_by("number"))
        return self.get_paginated_response(self.get_serializer(page, many=True).data)


router = DefaultRouter()
router.register("novels", NovelViewSet)
router.register("comics", ComicViewSet)
urlpatterns = [path("api/v1/", include(router.urls))]
