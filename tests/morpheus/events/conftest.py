"""A server of event streams for the tests of this folder."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from django.conf import settings

from tests.event_streams import EventServer


@pytest.fixture(scope="module")
def _server(django_db_setup: None, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Any]:
    log = Path(tmp_path_factory.mktemp("events"), "log")
    server = EventServer(
        log,
        SECRET_KEY=settings.SECRET_KEY,
        MORPHEUS_EVENT_STREAMS_PER_USER="3",
        MORPHEUS_CORS_ORIGINS="https://app.example.org",
    )
    yield server
    server.stop()


@pytest.fixture
def events(transactional_db: None, _server: EventServer) -> EventServer:
    """A server of event streams, which a module's tests share."""
    return _server
