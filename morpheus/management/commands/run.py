"""Run all of Morpheus on this machine: services, migrations, seeding, servers and worker."""

from __future__ import annotations

import contextlib
import http.client
import os
import signal
import socket
import sys
import threading
import time
from argparse import ArgumentParser
from typing import Any, NoReturn

from django.conf import settings
from django.core.management.base import BaseCommand, CommandError

from morpheus.embedded.guard import Service
from morpheus.embedded.guard_client import GuardedServices
from morpheus.embedded.metrics_folder import make_metrics_folder
from morpheus.embedded.paths import ServiceError, find_paths, list_system_programs
from morpheus.embedded.processes import run_command
from morpheus.embedded.roles import RolesUnavailable
from morpheus.embedded.supervisor import EmbeddedServices
from morpheus.management.commands.events import build_events
from morpheus.management.commands.serve import (
    MARGIN_S,
    bind_or_refuse,
    build_server,
    reachable_address,
    refuse_endless_redirects,
)
from morpheus.management.embedded import embedded_services
from morpheus.serving.listening import bind

READY_TIMEOUT_S = 60.0
POLL_S = 0.1


class Command(BaseCommand):
    help = "Run Morpheus: http://127.0.0.1:8000 by default. Ctrl-C stops everything."
    # The tag of checks that need the settings only; `prepare` runs the others.
    requires_system_checks = ["contradictions"]

    def add_arguments(self, parser: ArgumentParser) -> None:
        parser.add_argument("--host", default="127.0.0.1")
        parser.add_argument("--port", type=int, default=8000)
        parser.add_argument(
            "--stop-with-parent", action="store_true", help="stop when the caller has ended"
        )
        parser.add_argument("--no-seed", action="store_true", help="leave an empty database empty")

    def handle(self, *, host: str, port: int, no_seed: bool, **options: Any) -> None:
        refuse_endless_redirects()
        for number in (signal.SIGINT, signal.SIGTERM, signal.SIGHUP):
            signal.signal(number, _stop)
        if options["stop_with_parent"]:
            threading.Thread(target=_watch_parent, args=[os.getppid()], daemon=True).start()
        services = embedded_services()
        try:
            for program in list_system_programs(find_paths(services.var), services.wanted):
                self.stdout.write(f"There is no wheel for this machine; using {program}.")
            # Bound before anything starts, so that a used port is refused at once.
            with (
                bind_or_refuse(host, port) as listener,
                _bind_for_events(host, port + 1) as events_listener,
                services if services.wanted else contextlib.nullcontext(),
            ):
                self._prepare(no_seed=no_seed)
                self._serve(host, port, listener, events_listener, services)
        except KeyboardInterrupt:
            self.stdout.write("Stopped.")
        except (ServiceError, RolesUnavailable) as error:
            raise CommandError(str(error)) from error

    def _prepare(self, *, no_seed: bool) -> None:
        # In a process of its own, so that its connections are closed before the server starts.
        self.stdout.flush()
        command = _manage("prepare", *(["--no-seed"] if no_seed else []))
        if run_command(command, cwd=str(settings.BASE_DIR)) != 0:
            raise CommandError("Preparing the database failed, see above.")

    def _serve(
        self,
        host: str,
        port: int,
        listener: socket.socket,
        events_listener: socket.socket,
        services: EmbeddedServices,
    ) -> None:
        """Run servers and worker until one of them, or the embedded services, fail for good."""
        # Of this run alone, without the counts of earlier processes.
        metrics = make_metrics_folder()
        os.environ["PROMETHEUS_MULTIPROC_DIR"] = str(metrics)
        # The web server redirects to it, because no proxy routes event streams.
        events_port = events_listener.getsockname()[1]
        os.environ["MORPHEUS_EVENTS_PORT"] = str(events_port)
        running = GuardedServices(
            [
                build_server(host, listener),
                build_events(host, events_listener),
                _build_worker(),
            ],
            own_folder=metrics,
        )
        for each in (listener, events_listener):
            each.close()  # The guard keeps it open.
        try:
            self._wait_until_ready(running, host, port)
            self._print_urls(host, port, events_port)
            while not running.have_ended():
                if services.have_ended():
                    raise CommandError("Another process stopped the embedded services.")
                time.sleep(POLL_S)
            raise CommandError("The server fails at each start; everything is stopped.")
        finally:
            running.stop()

    def _wait_until_ready(self, running: GuardedServices, host: str, port: int) -> None:
        deadline = time.monotonic() + READY_TIMEOUT_S
        while (status := _check_readyz(host, port)) != 200:
            if running.have_ended():
                raise CommandError("The server does not start, see above.")
            if time.monotonic() > deadline:
                raise CommandError(f"The server is not ready: GET /readyz returns {status}.")
            time.sleep(POLL_S)

    def _print_urls(self, host: str, port: int, events_port: int) -> None:
        address = f"http://{f'[{host}]' if ':' in host else host}"
        root = f"{address}:{port}"
        self.stdout.write(
            f"\nMorpheus is ready. Ctrl-C stops it.\n"
            f"  API             {root}/api/v1/\n"
            f"  documentation   {root}/api/v1/docs/\n"
            f"  OpenAPI schema  {root}/api/v1/schema/\n"
            f"  event streams   {address}:{events_port}/api/v1/users/me/events/\n"
            f"  admin           {root}/admin/\n"
        )
        self.stdout.flush()


def _bind_for_events(host: str, port: int) -> socket.socket:
    """Return a bound socket of the port, or of any other one if that is taken."""
    try:
        return bind(host, port)
    except (OSError, OverflowError):
        return bind_or_refuse(host, 0)


def _build_worker() -> Service:
    return Service(
        name="worker",
        command=_manage("worker"),
        cwd=str(settings.BASE_DIR),
        signals=[signal.SIGTERM],
        patience_s=settings.MORPHEUS_STOP_TIMEOUT_S + MARGIN_S,
    )


def _manage(*arguments: str) -> list[str]:
    return [sys.executable, str(settings.BASE_DIR / "manage.py"), *arguments]


def _stop(*_: object) -> NoReturn:
    # A second signal must not interrupt the clean-up.
    for number in (signal.SIGINT, signal.SIGTERM, signal.SIGHUP):
        signal.signal(number, signal.SIG_IGN)
    raise KeyboardInterrupt


def _watch_parent(parent: int) -> None:
    """Stop this process when `parent` has ended: a killed parent passes no signal on."""
    while os.getppid() == parent:
        time.sleep(0.5)
    os.kill(os.getpid(), signal.SIGTERM)


def _check_readyz(host: str, port: int) -> int | None:
    """Return the status of GET /readyz, None without a response."""
    connection = http.client.HTTPConnection(reachable_address(host), port, timeout=10)
    try:
        connection.request("GET", "/readyz", headers={"Host": "localhost"})
        return connection.getresponse().status
    except (OSError, http.client.HTTPException):
        return None
    finally:
        connection.close()
