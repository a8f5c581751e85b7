"""`GET /metrics` for Prometheus; not for the public."""

from __future__ import annotations

import os
import secrets
import threading
from collections.abc import Callable, Iterable
from functools import cache
from pathlib import Path

from django.conf import settings
from django.core.exceptions import PermissionDenied
from django.http import HttpRequest, HttpResponse
from django.views.decorators.http import require_safe
from prometheus_client import CONTENT_TYPE_LATEST, REGISTRY, generate_latest
from prometheus_client.core import Metric
from prometheus_client.registry import Collector

from morpheus.django_internals.prometheus_client import Family, SharedFamilies
from morpheus.http.client_addresses import get_client_address
from morpheus.tracing import events, periodic

Derive = Callable[[list[Metric]], Iterable[Metric]]

# Functions that compute metrics from others, once for all processes, with the names of the samples
# that they need.
derived_metrics: list[tuple[Derive, frozenset[str]]] = []

# Of scrapes at the same time: the families remember what they have read.
_lock = threading.Lock()


@require_safe
def metrics(request: HttpRequest) -> HttpResponse:
    """GET /metrics: for `MORPHEUS_METRICS_TOKEN`, or from loopback when none is set."""
    token = settings.MORPHEUS_METRICS_TOKEN
    if token:
        allowed = secrets.compare_digest(
            request.headers.get("Authorization", "").encode(), f"Bearer {token}".encode()
        )
    else:
        allowed = get_client_address(request.META) in ("127.0.0.1", "::1")
    if not allowed:
        raise PermissionDenied
    # No two pages are the same, so an entity tag would only cost time.
    headers = {"Cache-Control": "no-store"}
    return HttpResponse(build_page(), content_type=CONTENT_TYPE_LATEST, headers=headers)


def build_page() -> bytes:
    """Return all metrics as text."""
    with _lock:
        families, others = _read()
        return "".join(map(Family.format, families)).encode() + generate_latest(_List(others))


def collect_metrics() -> list[Metric]:
    """Return all metrics, of all server processes together (`PROMETHEUS_MULTIPROC_DIR`)."""
    with _lock:
        families, others = _read()
        return [family.as_metric() for family in families] + others


def _read() -> tuple[list[Family], list[Metric]]:
    """Return counters and histograms of processes that share them, and all other metrics."""
    events.flush()
    periodic.run_collectors()
    if folder := os.environ.get("PROMETHEUS_MULTIPROC_DIR"):
        shared = _shared_families(Path(folder))
        families, others = shared.read(), shared.collect_others()
    else:
        families, others = [], [*REGISTRY.collect()]
    for derive, names in derived_metrics:
        others += derive([family.as_metric(names) for family in families] + others)
    return families, others


_shared_families = cache(SharedFamilies)


class _List(Collector):
    def __init__(self, metrics: list[Metric]) -> None:
        self._metrics = metrics

    def collect(self) -> Iterable[Metric]:
        return self._metrics
