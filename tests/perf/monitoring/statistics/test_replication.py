"""Who may follow this server, and who does; lag is measured where there is a replica."""

from __future__ import annotations

import pytest

from perf.monitoring.statistics import replication


@pytest.mark.django_db
def test_a_server_that_writes_the_least_log_cannot_be_followed():
    server = replication.server_role()

    assert not server.is_replica
    assert server.can_be_followed == (server.wal_level != "minimal" and server.senders > 0)
    assert replication.replicas() == [] and replication.slots() == []
