"""Settings of a server under test: waits that a test would have to sit through are one second."""

from __future__ import annotations

from morpheus.settings import *  # noqa: F403

MORPHEUS_TRANSFER_GRACE_S = 1.0
MORPHEUS_REPLICA_TIMEOUT_S = 1.0
