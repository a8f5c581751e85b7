"""GET /users/me/dashboard/: what its owner wants to see first."""

from __future__ import annotations

from drf_spectacular.utils import extend_schema
from rest_framework.permissions import IsAuthenticated
from rest_framework.request import Request
from rest_framework.response import Response

from comics.reads import dashboard_read
from comics.serializers import DashboardSerializer, with_thumbnail
from morpheus.api.views import MorpheusAPIView


class DashboardView(MorpheusAPIView):
    """GET /api/v1/users/me/dashboard/. Budget: none warm. Cold 8 queries."""

    permission_classes = [IsAuthenticated]
    serializer_class = DashboardSerializer

    @extend_schema(operation_id="users_me_dashboard", tags=["users"])
    def get(self, request: Request) -> Response:
        """Show my newest novels with their processing state, my newest comics, and totals."""
        shown = dashboard_read(request.user.pk)
        comics = [with_thumbnail(comic, request) for comic in shown["comics"]]
        return Response(shown | {"comics": comics})
