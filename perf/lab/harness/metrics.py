"""What a server reports in `/metrics`."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import closing

from prometheus_client.parser import text_string_to_metric_families
from prometheus_client.samples import Sample

from perf.lab.harness.http_client import Connection


def read_metrics(target: int | str) -> Iterator[Sample]:
    """Yield the samples of the server on a port or at a URL."""
    with closing(Connection(target)) as connection:
        text = connection.get("/metrics").require_ok().content.decode()
    for family in text_string_to_metric_families(text):
        yield from family.samples
