"""Serve HTTP on this machine: the web processes alone, for production."""

from __future__ import annotations

import os
import signal
import socket
from argparse import ArgumentParser
from typing import Any

from django.conf import settings
from django.core.management.base import BaseCommand, CommandError

from morpheus.embedded.guard import Service
from morpheus.embedded.guard_client import become_guard
from morpheus.embedded.health import Health
from morpheus.embedded.metrics_folder import make_metrics_folder
from morpheus.management.embedded import embedded_services
from morpheus.serving.listening import bind, server_command

# A server that starts so often without a passed health check will not become ready.
MOST_STARTS = 3
# A process that has not ended so long after its own time limit is killed.
MARGIN_S = 5.0


class Command(BaseCommand):
    help = "Serve HTTP: no migrations, no worker, no embedded servers. SIGTERM stops it."
    # The tag of checks that need the settings only: the server waits for an absent database.
    requires_system_checks = ["contradictions"]

    def add_arguments(self, parser: ArgumentParser) -> None:
        parser.add_argument("--host", default="127.0.0.1")
        parser.add_argument("--port", type=int, default=8000)

    def handle(self, *, host: str, port: int, **options: Any) -> None:
        refuse_endless_redirects()
        refuse_absent_servers()
        listener = bind_or_refuse(host, port)
        # Of this run alone. The guard removes it.
        metrics = make_metrics_folder()
        os.environ["PROMETHEUS_MULTIPROC_DIR"] = str(metrics)
        server = build_server(host, port, listener, drain_s=settings.MORPHEUS_DRAIN_S)
        become_guard([server], own_folder=metrics)


def build_server(host: str, port: int, listener: socket.socket, *, drain_s: float = 0) -> Service:
    """Return the server; the guard keeps its socket open for a replacement."""
    return Service(
        name="server",
        command=server_command(
            "morpheus.wsgi:application",
            host=host,
            port=port,
            workers=settings.MORPHEUS_PROCESSES,
            threads=settings.MORPHEUS_THREADS,
            listener=listener.fileno(),
            drain_s=drain_s,
            stop_timeout_s=settings.MORPHEUS_STOP_TIMEOUT_S,
        ),
        cwd=str(settings.BASE_DIR),
        signals=[signal.SIGTERM],
        patience_s=drain_s + settings.MORPHEUS_STOP_TIMEOUT_S + MARGIN_S,
        descriptors=(listener.fileno(),),
        health=Health(reachable_address(host), port),
        most_starts=MOST_STARTS,
    )


def bind_or_refuse(host: str, port: int) -> socket.socket:
    """Return a bound socket; raises CommandError if the address is not usable."""
    try:
        return bind(host, port)
    except (OSError, OverflowError) as error:
        raise CommandError(
            f"Cannot serve on {host}:{port}: {error}. Choose another port: "
            "`make run PORT=8123` or `--port 8123`."
        ) from error


def reachable_address(host: str) -> str:
    """Return an address by which this machine reaches a server that listens on `host`."""
    return {"0.0.0.0": "127.0.0.1", "::": "::1"}.get(host, host)  # noqa: S104


def refuse_endless_redirects() -> None:
    """Refuse to redirect plain HTTP to a port that no TLS is in front of."""
    if settings.SECURE_SSL_REDIRECT and not settings.SECURE_PROXY_SSL_HEADER:
        raise CommandError(
            "This server speaks plain HTTP, and MORPHEUS_HTTPS redirects every request to HTTPS. "
            "Set MORPHEUS_BEHIND_PROXY=on behind a proxy that terminates TLS, else "
            "MORPHEUS_HTTPS=off, as `make run` does."
        )


def refuse_absent_servers() -> None:
    """Refuse a start on embedded servers that do not run: most often a variable is missing."""
    services = embedded_services()
    if not services.are_running():
        raise CommandError(
            "DATABASE_URL and REDIS_URL name the servers to use. For the embedded ones, "
            "first run `manage.py services up`."
        )
