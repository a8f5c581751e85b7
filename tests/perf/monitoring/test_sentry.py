"""Errors of the log as Sentry events: a transport in memory has what Sentry would get."""

from __future__ import annotations

import json
import logging
from collections.abc import Iterator
from typing import Any

import pytest
import sentry_sdk
from django.conf import settings
from django.db import IntegrityError
from django.http import HttpRequest, HttpResponse
from django.urls import path
from sentry_sdk.envelope import Envelope
from sentry_sdk.transport import Transport

from morpheus.tracing.request_trace import trace_request
from tests.morpheus.http.test_log_format import logged_as

TRACE = "4bf92f3577b34da6a3ce929d0e0e4736"
SAMPLED = f"00-{TRACE}-00f067aa0ba902b7-01"
TOKEN = "tOkEn-0123456789_abcdefghijklmnopqrstuvwxyz"


# Apart from the `raise`, because an event has the lines around it, and source code is no secret.
SECRETS = f"duplicate key of ann@example.org with {TOKEN}\nDETAIL:  Key (title)=(Zx9) exists."


class MemoryTransport(Transport):
    def __init__(self, options: Any = None) -> None:
        super().__init__(options)
        self.events: list[Any] = []

    def capture_envelope(self, envelope: Envelope) -> None:
        self.events.append(envelope.get_event())


def fail(request: HttpRequest, name: str) -> HttpResponse:
    """Has the name, which is a part of the path, in a variable."""
    raise IntegrityError(SECRETS)


urlpatterns = [path("fail/<str:name>/", fail)]
handler500 = "morpheus.http.errors.server_error"


@pytest.fixture
def events() -> Iterator[list[Any]]:
    """Collect the events of the block; the log goes to Sentry as settings configure it."""
    transport = MemoryTransport()
    sentry = {
        "class": "perf.monitoring.sentry.ErrorHandler",
        "level": "ERROR",
        "filters": ["request"],
        "dsn": "http://key@127.0.0.1:9/1",
        "transport": transport,
    }
    root = {"handlers": ["stderr", "sentry"], "level": "WARNING"}
    handlers = settings.LOGGING["handlers"] | {"sentry": sentry}
    with logged_as("json", handlers=handlers, root=root):
        yield transport.events
    sentry_sdk.init(default_integrations=False, auto_enabling_integrations=False)


@pytest.mark.urls(__name__)
def test_a_fault_is_one_event_with_the_ids_of_its_request(client: Any, events: list[Any]) -> None:
    client.raise_request_exception = False
    response = client.get("/fail/whale/?q=whale", headers={"traceparent": SAMPLED})

    [event] = events
    assert event["tags"] == {"request_id": response["X-Request-ID"], "trace_id": TRACE}
    assert event["contexts"]["trace"]["trace_id"] == TRACE
    assert event["logentry"]["formatted"] == "Responded 500 to GET /fail/{name}/."
    [exception] = event["exception"]["values"]
    assert exception["type"] == "IntegrityError"
    assert exception["stacktrace"]["frames"][-1]["function"] == "fail"


@pytest.mark.urls(__name__)
def test_an_event_has_no_personal_data(client: Any, events: list[Any]) -> None:
    client.raise_request_exception = False
    headers = {"Authorization": f"Bearer {TOKEN}", "User-Agent": "agent-whale"}
    client.get("/fail/whale/?q=whale", headers=headers)

    text = json.dumps(events[0], default=str)
    assert "duplicate key of <e-mail> with <token>" in text
    for secret in ("whale", "ann@example.org", TOKEN, "Zx9", "127.0.0.1"):
        assert secret not in text


def test_warnings_are_no_events(events: list[Any]) -> None:
    with trace_request():
        logging.getLogger("morpheus").warning("It is slow.")

    assert events == []
