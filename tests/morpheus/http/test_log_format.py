"""What an operator reads: one line per event, with the request's id, and the reason once."""

from __future__ import annotations

import logging
import logging.config
from collections.abc import Iterator
from contextlib import contextmanager
from io import StringIO
from typing import Any

import pytest
from django.conf import settings
from django.db import OperationalError
from django.http import HttpRequest, HttpResponse
from django.urls import path
from rest_framework.views import APIView

from morpheus.http.log_format import EventFormatter
from morpheus.http.log_stream import find_handlers

LOST = OperationalError("consuming input failed\n\tthe server closed the connection\n\n")


class Lost(APIView):
    throttle_classes = []

    def get(self, request: Any) -> None:
        raise LOST


def lost(request: HttpRequest) -> HttpResponse:
    raise LOST


def lost_after_the_view(request: HttpRequest) -> HttpResponse:
    def save(*_: object) -> None:
        raise LOST

    request.session["changed"] = True
    request.session.save = save  # type: ignore[assignment, method-assign] # it is lost here
    return HttpResponse()


urlpatterns = [
    path("api", Lost.as_view()),
    path("lost", lost),
    path("after", lost_after_the_view),
]
handler500 = "morpheus.http.errors.server_error"


@pytest.fixture
def log() -> Iterator[StringIO]:
    """Collect what goes to standard error, for people."""
    with logged_as("line") as log:
        yield log


@contextmanager
def logged_as(name: str, **changes: Any) -> Iterator[StringIO]:
    """Collect what the block logs in another format, and with other changes of the settings."""
    usual: dict[str, Any] = settings.LOGGING
    stderr = usual["handlers"]["stderr"] | {"formatter": name}
    handlers = usual["handlers"] | {"stderr": stderr}
    logging.config.dictConfig(usual | {"handlers": handlers} | changes)
    handler = next(h for h in logging.getLogger().handlers if h.name == "stderr")
    assert isinstance(handler, logging.StreamHandler)
    stream = handler.setStream(collected := StringIO())
    yield collected
    handler.setStream(stream)
    logging.config.dictConfig(settings.LOGGING)


@pytest.mark.django_db
@pytest.mark.urls(__name__)
@pytest.mark.parametrize("url", ["/api", "/lost"])
def test_a_lost_database_is_one_line_with_request_and_reason(
    client: Any, log: StringIO, url: str
) -> None:
    response = client.get(url)

    assert response.status_code == 503
    line, request = log.getvalue().splitlines()
    assert "morpheus.requests" in request
    assert f"[{response['X-Request-ID']}] Responded 503 to GET {url}:" in line
    assert line.endswith("consuming input failed the server closed the connection")


@pytest.mark.django_db
@pytest.mark.urls(__name__)
def test_a_database_lost_while_the_session_is_saved_is_503_too(client: Any, log: StringIO) -> None:
    client.raise_request_exception = False

    response = client.get("/after")

    assert response.status_code == 503
    assert int(response["Retry-After"]) >= 1
    assert f"[{response['X-Request-ID']}] Responded 503 to GET /after:" in log.getvalue()


@pytest.mark.django_db
def test_a_path_cannot_forge_a_line(client: Any, log: StringIO) -> None:
    logging.getLogger("tests").error("asked for %s", "/x\n2026-01-01 ERROR all is lost")

    assert len(log.getvalue().splitlines()) == 1


@pytest.mark.django_db
def test_the_probe_logs_a_lost_cache(client: Any, log: StringIO, no_cache_server: None) -> None:
    client.get("/readyz")

    assert "the cache server does not respond" in log.getvalue()


@pytest.mark.parametrize("name", ["json", "line"])
def test_an_event_without_a_record_is_the_same_line(name: str) -> None:
    with logged_as(name):
        [handler] = find_handlers()
        formatter = handler.formatter
    assert isinstance(formatter, EventFormatter)
    fields = {"route": "GET /novels/", "status": 200, "ms": 0.12, "user_id": None, "note": 'a"b'}
    record = logging.makeLogRecord(
        {"name": "requests", "levelname": "INFO", "levelno": logging.INFO, "msg": "request"}
        | {"created": 1.7e9 + 0.0625, "msecs": 62.5, "request_id": "an-id", "fields": fields}
    )

    line = formatter.format_event("requests", "request", record.created, "an-id", fields)

    assert line == formatter.format(record)
    assert "an-id" in line and "200" in line and 'a\\"b' in line
