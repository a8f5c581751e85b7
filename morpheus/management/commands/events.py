"""Hold event streams on this machine: the process that a proxy routes `…/events/` to."""

from __future__ import annotations

import socket

from django.conf import settings

from morpheus.embedded.guard import Service
from morpheus.management.commands.serve import ServingCommand, build_service

# Connections beside those of streams: idle ones, probes, and requests that are refused.
SPARE_CONNECTIONS = 256


def build_events(host: str, listener: socket.socket, *, drain_s: float = 0) -> Service:
    """Return the one process that holds streams."""
    return build_service(
        "events",
        "morpheus.asgi:application",
        host,
        listener,
        drain_s=drain_s,
        threads=1,
        connections=settings.MORPHEUS_EVENT_STREAMS + SPARE_CONNECTIONS,
    )


class Command(ServingCommand):
    help = "Serve event streams; everything else is for `manage.py serve`. SIGTERM stops it."
    default_port = 8010
    build = staticmethod(build_events)
