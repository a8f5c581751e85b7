"""Hold event streams on this machine: the process that a proxy routes `…/events/` to."""

from __future__ import annotations

import os
import signal
import socket
from argparse import ArgumentParser
from typing import Any

from django.conf import settings
from django.core.management.base import BaseCommand

from morpheus.embedded.guard import Service
from morpheus.embedded.guard_client import become_guard
from morpheus.embedded.health import Health
from morpheus.embedded.metrics_folder import make_metrics_folder
from morpheus.management.commands.serve import (
    MARGIN_S,
    MOST_STARTS,
    bind_or_refuse,
    reachable_address,
    refuse_absent_servers,
    refuse_endless_redirects,
)
from morpheus.serving.listening import server_command

# Connections beside those of streams: idle ones, probes, and requests that are refused.
SPARE_CONNECTIONS = 256


class Command(BaseCommand):
    help = "Serve event streams; everything else is for `manage.py serve`. SIGTERM stops it."
    # As for `manage.py serve`.
    requires_system_checks = ["contradictions"]

    def add_arguments(self, parser: ArgumentParser) -> None:
        parser.add_argument("--host", default="127.0.0.1")
        parser.add_argument("--port", type=int, default=8010)

    def handle(self, *, host: str, port: int, **options: Any) -> None:
        refuse_endless_redirects()
        refuse_absent_servers()
        listener = bind_or_refuse(host, port)
        metrics = make_metrics_folder()
        os.environ["PROMETHEUS_MULTIPROC_DIR"] = str(metrics)
        service = build_events(host, listener, drain_s=settings.MORPHEUS_DRAIN_S)
        become_guard([service], own_folder=metrics)


def build_events(host: str, listener: socket.socket, *, drain_s: float = 0) -> Service:
    """Return the one process that holds streams; the guard keeps its socket open."""
    port = int(listener.getsockname()[1])
    return Service(
        name="events",
        command=server_command(
            "morpheus.asgi:application",
            host=host,
            port=port,
            threads=1,
            listener=listener.fileno(),
            drain_s=drain_s,
            stop_timeout_s=settings.MORPHEUS_STOP_TIMEOUT_S,
            connections=settings.MORPHEUS_EVENT_STREAMS + SPARE_CONNECTIONS,
        ),
        cwd=str(settings.BASE_DIR),
        signals=[signal.SIGTERM],
        patience_s=drain_s + settings.MORPHEUS_STOP_TIMEOUT_S + MARGIN_S,
        descriptors=(listener.fileno(),),
        health=Health(reachable_address(host), port),
        most_starts=MOST_STARTS,
    )
