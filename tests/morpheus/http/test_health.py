"""Probes and metrics, as an orchestrator and a scraper meet them."""

from __future__ import annotations

from typing import Any

import pytest

from morpheus.http import health
from tests.visitor import counted_queries


@pytest.mark.django_db
def test_a_served_process_is_alive_and_ready(client: Any) -> None:
    assert client.get("/healthz").json() == {"status": "ok"}
    ready = client.get("/readyz")

    assert ready.status_code == 200
    assert ready.json() == {
        "status": "ok",
        "checks": {"database": "ok", "migrations": "ok", "cache": "ok"},
    }


def test_a_server_that_was_told_to_stop_is_alive_and_not_ready(client: Any) -> None:
    stopping = {health.STOPPING: True}

    assert client.get("/healthz", **stopping).status_code == 200
    assert client.get("/readyz", **stopping).status_code == 503


@pytest.mark.django_db
def test_a_lost_cache_degrades_and_does_not_stop_traffic(
    client: Any, no_cache_server: None
) -> None:
    ready = client.get("/readyz")

    assert ready.status_code == 200
    assert ready.json()["status"] == "degraded"


@pytest.mark.django_db
def test_a_database_that_is_not_migrated_gets_no_traffic(
    client: Any, monkeypatch: pytest.MonkeyPatch
) -> None:
    from django.db.migrations.recorder import MigrationRecorder

    monkeypatch.setattr(health, "_migrated", False)
    # The serving role may not delete what was recorded.
    recorded = MigrationRecorder.applied_migrations
    monkeypatch.setattr(
        MigrationRecorder,
        "applied_migrations",
        lambda recorder: {
            key: row for key, row in recorded(recorder).items() if key[0] != "comics"
        },
    )

    ready = client.get("/readyz")

    assert ready.status_code == 503
    assert ready.json()["checks"]["migrations"] == "not applied"
    assert ready["Retry-After"]


@pytest.mark.django_db
def test_the_migration_plan_is_read_once(client: Any) -> None:
    client.get("/readyz")

    with counted_queries() as seen:
        client.get("/readyz")

    assert len(seen.sql) == 1


def test_a_page_of_metrics_is_not_stored_and_has_no_entity_tag(client: Any) -> None:
    response = client.get("/metrics")

    assert response["Cache-Control"] == "no-store"
    assert "ETag" not in response


def test_metrics_are_for_loopback_or_for_the_token(client: Any, settings: Any) -> None:
    assert client.get("/metrics").status_code == 200
    assert client.get("/metrics", REMOTE_ADDR="192.0.2.1").status_code == 403

    settings.MORPHEUS_METRICS_TOKEN = "scrape"
    assert client.get("/metrics").status_code == 403
    assert client.get("/metrics", headers={"Authorization": "Bearer scrape"}).status_code == 200


def test_behind_a_proxy_the_clients_own_address_counts(client: Any, settings: Any) -> None:
    settings.MORPHEUS_TRUSTED_PROXIES = 1

    spoofed = client.get("/metrics", headers={"X-Forwarded-For": "127.0.0.1, 192.0.2.1"})

    assert spoofed.status_code == 403


def test_probes_come_by_whatever_address(client: Any, settings: Any, db: Any) -> None:
    settings.ALLOWED_HOSTS = ["morpheus.example.org"]

    for probe in ("/healthz", "/readyz", "/metrics"):
        assert client.get(probe, headers={"Host": "10.0.0.7"}).status_code == 200, probe
    assert client.get("/api/v1/novels/", headers={"Host": "10.0.0.7"}).status_code == 400
