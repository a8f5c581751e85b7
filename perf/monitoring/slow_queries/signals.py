"""For whoever wants to know of slow statements without Prometheus."""

from __future__ import annotations

from django.dispatch import Signal

# Sent from a thread of its own when rows have been written, at most twice a second for each
# statement and route, with `sighting`
# (perf.monitoring.slow_queries.sightings.Sighting). Receivers should be quick:
# the next rows wait for them. What they raise is logged.
slow_query_recorded = Signal()
