"""Replication settings; tests/replica measures the lag of a real replica."""

from __future__ import annotations

import pytest

from perf.monitoring.statistics import connections


@pytest.mark.django_db
def test_a_server_with_minimal_wal_allows_no_replica() -> None:
    server = connections.server_role()

    assert not server.is_replica
    assert server.allows_replicas == (server.wal_level != "minimal" and server.senders > 0)
    assert connections.replicas() == [] and connections.slots() == []
