"""`GET /metrics` for Prometheus; not for the public."""

from __future__ import annotations

import os
import secrets
from collections.abc import Callable, Iterable
from pathlib import Path

from django.conf import settings
from django.core.exceptions import PermissionDenied
from django.http import HttpRequest, HttpResponse
from django.views.decorators.http import require_safe
from prometheus_client import CONTENT_TYPE_LATEST, REGISTRY, CollectorRegistry, generate_latest
from prometheus_client.core import Metric
from prometheus_client.multiprocess import MultiProcessCollector
from prometheus_client.registry import Collector

from morpheus.django_internals.prometheus_client import forget_dead_processes
from morpheus.http.client_addresses import get_client_address
from morpheus.tracing import events, periodic

# Functions that compute metrics from all others, once for all processes.
derived_metrics: list[Callable[[list[Metric]], Iterable[Metric]]] = []


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
    return HttpResponse(generate_latest(_Page()), content_type=CONTENT_TYPE_LATEST)


def collect_metrics() -> list[Metric]:
    """Return all metrics, of all server processes together (`PROMETHEUS_MULTIPROC_DIR`)."""
    events.flush()
    periodic.run_collectors()
    metrics = [*_build_registry().collect()]
    return metrics + [metric for derive in derived_metrics for metric in derive(metrics)]


class _Page(Collector):
    def collect(self) -> Iterable[Metric]:
        return collect_metrics()


def _build_registry() -> Collector:
    folder = os.environ.get("PROMETHEUS_MULTIPROC_DIR")
    if not folder:
        return REGISTRY
    forget_dead_processes(Path(folder))
    registry = CollectorRegistry()
    MultiProcessCollector(registry, folder)  # type: ignore[no-untyped-call]
    return registry
