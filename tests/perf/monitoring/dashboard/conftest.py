"""A member of staff before the dashboard, and something that was measured."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import pytest
from django.test import Client
from django.urls import reverse

from perf.monitoring.dashboard.metrics import Sample, Samples
from tests.conftest import PASSWORD

EDGES_S = ("0.01", "0.1", "1.0", "+Inf")


@pytest.fixture
def site(make_user: Callable[..., Any]) -> Client:
    """A browser in which a member of staff is logged in who has no other rights."""
    staff = make_user("staff", is_staff=True)
    client = Client()
    client.login(username=staff.email, password=PASSWORD)
    return client


def url(name: str, *args: Any) -> str:
    """Return the address of a page: "routes", "query"."""
    return reverse(f"admin:perf_{name}", args=args)


def text_of(answer: Any) -> str:
    """Return a page with plain spaces."""
    return str(answer.content.decode().replace("\u00a0", " "))


def histogram(name: str, *counts: int, seconds: float = 0.0, **labels: str) -> list[Sample]:
    """Return the figures of one histogram whose buckets, up to EDGES_S, hold so many."""
    made, below = [], 0
    for edge, count in zip(EDGES_S, counts, strict=True):
        below += count
        made.append(Sample(f"{name}_bucket", labels | {"le": edge}, below))
    made.append(Sample(f"{name}_count", labels, below))
    made.append(Sample(f"{name}_sum", labels, seconds))
    return made


def of(*parts: list[Sample]) -> Samples:
    """Return all these figures."""
    return Samples(sample for part in parts for sample in part)
