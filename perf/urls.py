"""Routes of this app under `/api/v1/`, for staff."""

from __future__ import annotations

from django.urls import path

from morpheus.api.openapi.views import StaffSchemaView
from perf.monitoring.request_traces import views

urlpatterns = [
    path("perf/schema/", StaffSchemaView.as_view(), name="perf-schema"),
    path("perf/requests/", views.RequestListView.as_view(), name="perf-requests"),
    path("perf/requests/<str:identifier>/", views.RequestView.as_view(), name="perf-request"),
]
