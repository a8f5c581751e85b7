"""Serve HTTP on this machine: the web processes alone, for production."""

from __future__ import annotations

import os
import signal
import socket
from argparse import ArgumentParser
from collections.abc import Callable
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


class ServingCommand(BaseCommand):
    """Base of commands that serve HTTP until SIGTERM.

    Attributes:
        build: Returns the service that listens; `build_server` shows its arguments.
    """

    # The tag of checks that need the settings only: the server waits for an absent database.
    requires_system_checks = ["contradictions"]
    default_port: int
    build: Callable[..., Service]

    def add_arguments(self, parser: ArgumentParser) -> None:
        parser.add_argument("--host", default="127.0.0.1")
        parser.add_argument("--port", type=int, default=self.default_port)

    def handle(self, *, host: str, port: int, **options: Any) -> None:
        refuse_endless_redirects()
        _refuse_absent_servers()
        listener = bind_or_refuse(host, port)
        # Of this run alone. The guard removes it.
        metrics = make_metrics_folder()
        os.environ["PROMETHEUS_MULTIPROC_DIR"] = str(metrics)
        service = self.build(host, listener, drain_s=settings.MORPHEUS_DRAIN_S)
        become_guard([service], own_folder=metrics)


def build_server(host: str, listener: socket.socket, *, drain_s: float = 0) -> Service:
    """Return the server; the guard keeps its socket open for a replacement."""
    return build_service(
        "server",
        "morpheus.wsgi:application",
        host,
        listener,
        drain_s=drain_s,
        workers=settings.MORPHEUS_PROCESSES,
        threads=settings.MORPHEUS_THREADS,
    )


def build_service(
    name: str,
    application: str,
    host: str,
    listener: socket.socket,
    *,
    drain_s: float,
    **options: int,
) -> Service:
    """Return a service that serves an application on a socket, which the guard keeps open.

    Args:
        options: Of `server_command`.
    """
    port = int(listener.getsockname()[1])
    return Service(
        name=name,
        command=server_command(
            application,
            host=host,
            port=port,
            listener=listener.fileno(),
            drain_s=drain_s,
            stop_timeout_s=settings.MORPHEUS_STOP_TIMEOUT_S,
            **options,
        ),
        cwd=str(settings.BASE_DIR),
        signals=[signal.SIGTERM],
        patience_s=drain_s + settings.MORPHEUS_STOP_TIMEOUT_S + MARGIN_S,
        descriptors=(listener.fileno(),),
        health=Health(reachable_address(host), port),
        most_starts=MOST_STARTS,
    )


class Command(ServingCommand):
    help = "Serve HTTP: no migrations, no worker, no embedded servers. SIGTERM stops it."
    default_port = 8000
    build = staticmethod(build_server)


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


def _refuse_absent_servers() -> None:
    """Refuse a start on embedded servers that do not run: most often a variable is missing."""
    services = embedded_services()
    if not services.are_running():
        raise CommandError(
            "DATABASE_URL and REDIS_URL name the servers to use. For the embedded ones, "
            "first run `manage.py services up`."
        )
