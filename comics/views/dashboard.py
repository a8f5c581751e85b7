"""A user's dashboard."""

from __future__ import annotations

from drf_spectacular.utils import extend_schema
from rest_framework.permissions import IsAuthenticated
from rest_framework.request import Request
from rest_framework.response import Response

from comics.reads.dashboard import dashboard_read
from comics.serializers import DashboardSerializer
from morpheus.api.views import MorpheusAPIView


class DashboardView(MorpheusAPIView):
    """/api/v1/users/me/dashboard/."""

    permission_classes = [IsAuthenticated]
    serializer_class = DashboardSerializer

    @extend_schema(operation_id="users_me_dashboard")
    def get(self, request: Request) -> Response:
        """Show my newest novels with their processing state, my newest comics, and totals."""
        return Response(dashboard_read(self.user.pk, request))
