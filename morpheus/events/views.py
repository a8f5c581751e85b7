"""The base of views whose response is an event stream."""

from __future__ import annotations

import re
from collections.abc import Callable, Collection
from hashlib import sha256
from http import HTTPStatus
from typing import Any

from django.conf import settings
from django.http import HttpResponse
from rest_framework.renderers import BaseRenderer

from morpheus.api.views import READS, MorpheusAPIView
from morpheus.events.streams import ADMIT, Subscription
from morpheus.http.client_addresses import get_client_network
from morpheus.http.errors import ServiceUnavailable


class EventStreamRenderer(BaseRenderer):
    """Lets a client accept `text/event-stream`; views render nothing by it."""

    media_type = "text/event-stream"
    format = "event-stream"


class EventStream(HttpResponse):
    """The head of a response that this process goes on with (morpheus.events.application)."""

    def __init__(self, subscription: Subscription) -> None:
        # The header tells nginx not to wait for more.
        super().__init__(
            content_type=EventStreamRenderer.media_type,
            headers={"Cache-Control": "no-store", "X-Accel-Buffering": "no"},
        )
        self.subscription = subscription


class EventStreamView(MorpheusAPIView):
    """A view that responds with a stream in the process that holds streams, and leads there."""

    # It may be behind the change that a stream is told of.
    may_read_replica = False
    has_etag = False
    problems = {"GET": ("throttled", "event_streams_elsewhere")}

    def get_renderers(self) -> list[BaseRenderer]:
        """Return that of streams; OPTIONS has a usual response."""
        is_read = self.request.method in READS
        return [EventStreamRenderer()] if is_read else super().get_renderers()

    def respond_stream(self, subscribe: Callable[..., Subscription]) -> HttpResponse:
        """Return a stream of what `subscribe` returns for the login and the callers of limits.

        Raises:
            Throttled: A caller has too many streams.
            ServiceUnavailable: This process holds no streams, and does not know which one does.
        """
        admit = self.request.META.get(ADMIT)
        if admit is None:
            return self._redirect()
        callers = [f"network:{get_client_network(self.request)}"]
        if self.reader_id is not None:
            callers.append(f"user:{self.reader_id}")
        admit(callers)
        return EventStream(
            subscribe(
                credential=frozenset(self._credential_tags()),
                expires_at=self._expires_at(),
                callers=tuple(callers),
            )
        )

    def _redirect(self) -> HttpResponse:
        port = settings.MORPHEUS_EVENTS_PORT
        if not port:
            raise ServiceUnavailable(
                "Event streams are not available here.", "event_streams_elsewhere"
            )
        host = re.sub(r":\d+$", "", self.request.get_host())
        location = f"{self.request.scheme}://{host}:{port}{self.request.path}"
        return HttpResponse(status=HTTPStatus.TEMPORARY_REDIRECT, headers={"Location": location})

    def _credential_tags(self) -> Collection[str]:
        """Return the tags of the caller's token or session, and of the user."""
        if self.reader_id is None:
            return []
        request: Any = self.request
        if request.auth is not None:
            own = f"token:{request.auth.digest.hex()}"
        else:
            own = f"session:{sha256(request.session.session_key.encode()).hexdigest()[:32]}"
        return [f"user:{self.reader_id}", own]

    def _expires_at(self) -> float | None:
        credential: Any = self.request.auth or getattr(self.request, "session", None)
        expires_at = getattr(credential, "expires_at", None)
        return expires_at.timestamp() if expires_at is not None else None
