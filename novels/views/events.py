"""Event streams: the processing status of a novel, and of all of my own."""

from __future__ import annotations

import re
from functools import partial
from typing import Any

from django.http import Http404, HttpResponse
from drf_spectacular.utils import OpenApiExample, OpenApiParameter, OpenApiResponse, extend_schema
from rest_framework.permissions import IsAuthenticated
from rest_framework.request import Request

from morpheus.events.streams import Subscription
from morpheus.events.views import EventStreamView
from novels.event_reads import own_status_bodies, status_bodies
from novels.reads import status_read
from novels.serializers import StatusSerializer

_TAG_OF_NOVEL = re.compile(r"(?:status:|novel:(?=\d+/access))(\d+)")

_PARAMETERS = [
    OpenApiParameter(
        "Last-Event-ID",
        str,
        OpenApiParameter.HEADER,
        description="The `id` of the last event; the client gets nothing that it has.",
    )
]
_EVENT = """\
id: 1796037611-c1e90b7cf7129e85
event: status
data: {"novel":42,"state":"processing","stage":"reading","progress":5,"message":"","warnings":[],\
"updated_at":"2026-11-30T12:00:00.000000Z"}

"""
_RESPONSES: dict[Any, OpenApiResponse] = {
    (200, "text/event-stream"): OpenApiResponse(
        str,
        "Server-Sent Events without an end. `data` of an event `status` is the object of "
        "`/novels/{novel_id}/status/`.",
        [OpenApiExample("An event", _EVENT)],
    ),
    307: OpenApiResponse(description="The stream is at `Location`, on another port (`make run`)."),
}


class NovelEventsView(EventStreamView):
    """/api/v1/novels/{id}/events/."""

    serializer_class = StatusSerializer

    @extend_schema(operation_id="novels_events", parameters=_PARAMETERS, responses=_RESPONSES)
    def get(self, request: Request, novel_id: int) -> HttpResponse:
        """Stream the processing status of a novel: as it is now, then each change."""
        return self.respond_stream(partial(self._subscribe, novel_id))

    def _subscribe(self, novel_id: int, **caller: Any) -> Subscription:
        status = status_read(novel_id, self.reader_id)
        if status.value is None:
            raise Http404
        # A public status is the same for all, and read once for all.
        reader_id = None if status.is_public else self.reader_id
        ids = frozenset([novel_id])
        return Subscription(
            key=("novel", novel_id, reader_id),
            tags=frozenset([f"status:{novel_id}", f"novel:{novel_id}/access"]),
            select=lambda tags: ids,
            read=partial(status_bodies, novel_id, reader_id),
            ids=ids,
            **caller,
        )


class OwnEventsView(EventStreamView):
    """/api/v1/users/me/events/."""

    permission_classes = [IsAuthenticated]
    serializer_class = StatusSerializer

    @extend_schema(operation_id="users_me_events", parameters=_PARAMETERS, responses=_RESPONSES)
    def get(self, request: Request) -> HttpResponse:
        """Stream the processing statuses of my novels: those in progress, then each change."""
        return self.respond_stream(self._subscribe)

    def _subscribe(self, **caller: Any) -> Subscription:
        owner_id = self.user.pk
        return Subscription(
            key=("own", owner_id, owner_id),
            tags=frozenset([f"owner:{owner_id}/states", f"owner:{owner_id}/novels"]),
            select=_novels_of,
            read=partial(own_status_bodies, owner_id),
            ids=frozenset(),
            **caller,
        )


def _novels_of(tags: frozenset[str]) -> frozenset[int]:
    """Return the novels whose status, or access, the tags are about."""
    return frozenset(int(match[1]) for tag in tags if (match := _TAG_OF_NOVEL.match(tag)))
