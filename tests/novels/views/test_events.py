"""Event streams in the web server, which holds none; and what polling clients are told."""

from __future__ import annotations

from collections.abc import Callable
from datetime import UTC, datetime, timedelta
from typing import Any

import pytest
from django.db import connection
from rest_framework.test import APIClient

from novels.event_reads import own_status_bodies, status_bodies
from novels.models import ProcessingStatus
from novels.services.processing import status_advance
from tests.conftest import as_staff
from tests.visitor import Visitor

EVENT_STREAM: Any = {"HTTP_ACCEPT": "text/event-stream"}
LONG_AGO = datetime(2000, 1, 1, tzinfo=UTC)


@pytest.mark.django_db
@pytest.mark.parametrize("host", ["localhost:8000", "127.0.0.1", "[::1]:8000"])
def test_the_web_server_leads_to_the_process_that_holds_streams(
    api: APIClient, make_novels: Callable[..., Any], settings: Any, host: str
) -> None:
    settings.MORPHEUS_EVENTS_PORT = 8001
    [novel] = make_novels()

    response = api.get(f"/api/v1/novels/{novel.pk}/events/", HTTP_HOST=host, **EVENT_STREAM)

    assert response.status_code == 307
    name = host.removesuffix(":8000")
    assert response["Location"] == f"http://{name}:8001/api/v1/novels/{novel.pk}/events/"
    assert response["Cache-Control"] == "private, no-cache"


@pytest.mark.django_db
def test_without_such_a_process_the_response_says_so(api: APIClient) -> None:
    response = api.get("/api/v1/novels/1/events/", **EVENT_STREAM)

    assert response.status_code == 503
    assert response.json()["code"] == "event_streams_elsewhere"


@pytest.mark.django_db
def test_a_client_that_accepts_no_events_is_refused(api: APIClient) -> None:
    response = api.get("/api/v1/novels/1/events/", HTTP_ACCEPT="application/json")

    assert response.status_code == 406
    assert response["Content-Type"] == "application/problem+json"


@pytest.mark.django_db
def test_my_stream_needs_a_login(api: APIClient) -> None:
    assert api.get("/api/v1/users/me/events/", **EVENT_STREAM).status_code == 401


@pytest.mark.django_db(transaction=True)
def test_a_status_says_when_to_poll_again_also_from_the_response_cache(
    visitor: Visitor, make_novels: Callable[..., Any]
) -> None:
    [novel] = make_novels()
    path = f"/api/v1/novels/{novel.pk}/status/"
    assert [visitor.get(path).headers["X-Poll-Interval"] for _ in range(2)] == ["60", "60"]

    status_advance(novel_id=novel.pk, owner_id=novel.owner_id, stage="reading", progress=5)

    assert [visitor.get(path).headers["X-Poll-Interval"] for _ in range(2)] == ["1", "1"]


@pytest.mark.django_db(transaction=True)
def test_bodies_are_those_of_the_api_and_of_visible_rows(
    make_novels: Callable[..., Any], make_user: Any, as_user: Any
) -> None:
    ann, ben = make_user("ann"), make_user("ben")
    [public], [private] = make_novels(owner=ann), make_novels(owner=ann, is_public=False)
    shown = as_user(ann).get(f"/api/v1/novels/{private.pk}/status/").content

    for reader in (None, ben.pk):
        assert status_bodies(private.pk, reader, [], None) == {private.pk: None}
        assert status_bodies(public.pk, reader, [], None)[public.pk]
    assert status_bodies(private.pk, ann.pk, [], None) == {private.pk: shown}

    both = [public.pk, private.pk]
    assert own_status_bodies(ann.pk, [private.pk], None) == {private.pk: shown}
    assert own_status_bodies(ann.pk, [], LONG_AGO).keys() == {*both}
    assert own_status_bodies(ben.pk, both, LONG_AGO) == dict.fromkeys(both)


@pytest.mark.django_db(transaction=True)
def test_the_newest_changes_are_found_by_the_owner(
    make_novels: Callable[..., Any], make_user: Any
) -> None:
    ann = make_user("ann")
    old, waiting, new = make_novels(3, owner=ann)
    make_novels(200)
    hour_ago = datetime.now(UTC) - timedelta(hours=1)
    with as_staff():
        rows = ProcessingStatus.objects.filter(pk__in=[old.pk, waiting.pk])
        rows.update(updated_at=hour_ago)
        ProcessingStatus.objects.filter(pk=waiting.pk).update(state="pending")

    assert [*own_status_bodies(ann.pk, [], hour_ago + timedelta(1 / 24 / 2))] == [
        waiting.pk,
        new.pk,
    ]
    statuses = ProcessingStatus.objects.owned_by(ann.pk).changed_since(hour_ago)
    with connection.cursor() as cursor:
        cursor.execute("ANALYZE novels_processingstatus")
    assert "novels_status_owner_idx" in statuses.explain()
