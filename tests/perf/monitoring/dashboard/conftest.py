"""A logged-in member of staff, and invented samples."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import pytest
from django.test import Client
from django.urls import reverse
from prometheus_client.samples import Sample

from perf.monitoring.dashboard.samples import Samples
from tests.conftest import PASSWORD

EDGES_S = ("0.01", "0.1", "1.0", "+Inf")


@pytest.fixture
def site(make_user: Callable[..., Any]) -> Client:
    """A client that is logged in as staff without further rights."""
    staff = make_user("staff", is_staff=True)
    client = Client()
    client.login(username=staff.email, password=PASSWORD)
    return client


def url(name: str, *args: Any) -> str:
    """Return the URL of a page: "routes", "query"."""
    return reverse(f"admin:perf_{name}", args=args)


def text_of(response: Any) -> str:
    """Return the text of a page with plain spaces."""
    return str(response.content.decode().replace("\u00a0", " "))


def make_histogram(name: str, *counts: int, seconds: float = 0.0, **labels: str) -> list[Sample]:
    """Return the samples of a histogram with these counts in the buckets of EDGES_S."""
    samples, below = [], 0
    for edge, count in zip(EDGES_S, counts, strict=True):
        below += count
        samples.append(Sample(f"{name}_bucket", labels | {"le": edge}, below))
    samples.append(Sample(f"{name}_count", labels, below))
    samples.append(Sample(f"{name}_sum", labels, seconds))
    return samples


def combine(*parts: list[Sample]) -> Samples:
    """Return all these samples."""
    return Samples(sample for part in parts for sample in part)
