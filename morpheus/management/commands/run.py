"""Run all of Morpheus on this machine: services, migrations, seeding, server and worker."""

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
from morpheus.embedded.health import Health
from morpheus.embedded.metrics_folder import metrics_folder
from morpheus.embedded.paths import ServiceError
from morpheus.embedded.processes import run_command
from morpheus.embedded.roles import RolesUnavailable
from morpheus.embedded.supervisor import EmbeddedServices
from morpheus.management.embedded import embedded_services
from morpheus.serving.listening import BACKLOG, bind, server_command

READY_TIMEOUT_S = 60.0
POLL_S = 0.1
# A server that starts so often without being healthy once will not make it.
MOST_STARTS = 3
# What the server and the worker get to finish what they are doing, then they are killed.
PATIENCE_S = 10.0


class Stopped(BaseException):
    """SIGINT, SIGTERM or SIGHUP came; not an Exception, so that nothing swallows it."""


class Command(BaseCommand):
    help = "Run Morpheus: http://127.0.0.1:8000 by default. Ctrl-C stops everything."
    # The tag of what `morpheus.checks` finds by the settings alone; the rest is for `prepare`.
    requires_system_checks = ["contradictions"]

    def add_arguments(self, parser: ArgumentParser) -> None:
        parser.add_argument("--host", default="127.0.0.1")
        parser.add_argument("--port", type=int, default=8000)
        parser.add_argument(
            "--stop-with-parent", action="store_true", help="stop when the caller is gone"
        )
        parser.add_argument("--no-seed", action="store_true", help="leave an empty database empty")

    def handle(self, *, host: str, port: int, no_seed: bool, **options: Any) -> None:
        _refuse_endless_redirects()
        for number in (signal.SIGINT, signal.SIGTERM, signal.SIGHUP):
            signal.signal(number, _stop)
        if options["stop_with_parent"]:
            threading.Thread(target=_watch_parent, args=[os.getppid()], daemon=True).start()
        services = embedded_services()
        try:
            # Bound before anything starts: no other run gets the port, and none is refused late.
            with (
                _bound(host, port) as listener,
                services if services.wanted else contextlib.nullcontext(),
            ):
                self._prepare(services, no_seed=no_seed)
                with metrics_folder() as (folder, lock):
                    # Of this run alone: what earlier processes counted is over.
                    os.environ["PROMETHEUS_MULTIPROC_DIR"] = str(folder)
                    self._serve(host, port, listener, services, lock)
        except Stopped:
            self.stdout.write("Stopped.")
        except (ServiceError, RolesUnavailable) as error:
            raise CommandError(str(error)) from error

    def _prepare(self, services: EmbeddedServices, *, no_seed: bool) -> None:
        # A process of its own: whatever it opens is closed before server and worker start.
        self.stdout.flush()
        command = _manage("prepare", *(["--no-seed"] if no_seed else []))
        while run_command(command, cwd=str(settings.BASE_DIR)) != 0:
            # The services may have gone with another run that had started them.
            if not services.take_over():
                raise CommandError("Preparing the database failed, see above.")

    def _serve(
        self,
        host: str,
        port: int,
        listener: socket.socket,
        services: EmbeddedServices,
        metrics_lock: int,
    ) -> None:
        """Run server and worker until one of them, or the services below them, cannot go on."""
        listener.listen(BACKLOG)
        processes = [_server(host, port, listener), _worker()]
        running = GuardedServices(processes, lock=metrics_lock)
        listener.close()  # The guard has it now.
        try:
            self._wait_until_ready(running, host, port)
            self._print_urls(host, port)
            while not running.have_ended():
                if services.have_ended():
                    raise CommandError("The embedded services were stopped from outside.")
                time.sleep(POLL_S)
            raise CommandError("The server cannot be brought back, so everything is stopped.")
        finally:
            running.stop()

    def _wait_until_ready(self, running: GuardedServices, host: str, port: int) -> None:
        deadline = time.monotonic() + READY_TIMEOUT_S
        while (status := _readyz(host, port)) != 200:
            if running.have_ended():
                raise CommandError("The server does not start, see above.")
            if time.monotonic() > deadline:
                raise CommandError(f"The server is not ready: GET /readyz answers {status}.")
            time.sleep(POLL_S)

    def _print_urls(self, host: str, port: int) -> None:
        root = f"http://{f'[{host}]' if ':' in host else host}:{port}"
        self.stdout.write(
            f"\nMorpheus is ready. Ctrl-C stops it.\n"
            f"  API             {root}/api/v1/\n"
            f"  documentation   {root}/api/v1/docs/\n"
            f"  OpenAPI schema  {root}/api/v1/schema/\n"
            f"  admin           {root}/admin/\n"
        )
        self.stdout.flush()


def _server(host: str, port: int, listener: socket.socket) -> Service:
    """Return the server; the guard keeps its socket open, so that a replacement takes over."""
    return Service(
        name="server",
        command=server_command(
            "morpheus.wsgi:application",
            host=host,
            port=port,
            workers=settings.MORPHEUS_PROCESSES,
            threads=settings.MORPHEUS_THREADS,
            listener=listener.fileno(),
        ),
        cwd=str(settings.BASE_DIR),
        signals=[signal.SIGTERM],
        patience_s=PATIENCE_S,
        descriptors=(listener.fileno(),),
        health=Health(_reachable(host), port),
        most_starts=MOST_STARTS,
    )


def _worker() -> Service:
    return Service(
        name="worker",
        command=_manage("worker"),
        cwd=str(settings.BASE_DIR),
        signals=[signal.SIGTERM],
        patience_s=PATIENCE_S,
    )


def _manage(*arguments: str) -> list[str]:
    return [sys.executable, str(settings.BASE_DIR / "manage.py"), *arguments]


def _stop(*_: object) -> NoReturn:
    # A second signal must not interrupt the tidying up.
    for number in (signal.SIGINT, signal.SIGTERM, signal.SIGHUP):
        signal.signal(number, signal.SIG_IGN)
    raise Stopped


def _watch_parent(parent: int) -> None:
    """Stop us when `parent` is gone: killed, it could not pass the signal on."""
    while os.getppid() == parent:
        time.sleep(0.5)
    os.kill(os.getpid(), signal.SIGTERM)


def _refuse_endless_redirects() -> None:
    if settings.SECURE_SSL_REDIRECT and not settings.SECURE_PROXY_SSL_HEADER:
        raise CommandError(
            "This server speaks plain HTTP, and MORPHEUS_HTTPS redirects every request to HTTPS: "
            "set MORPHEUS_BEHIND_PROXY=on behind a proxy that ends TLS, else MORPHEUS_HTTPS=off, "
            "as `make run` does."
        )


def _bound(host: str, port: int) -> socket.socket:
    try:
        return bind(host, port)
    except (OSError, OverflowError) as error:
        raise CommandError(
            f"Cannot serve on {host}:{port}: {error}. Choose another port: "
            "`make run PORT=8123` or `manage.py run --port 8123`."
        ) from error


def _reachable(host: str) -> str:
    """Return an address under which this machine reaches a server that listens on `host`."""
    return {"0.0.0.0": "127.0.0.1", "::": "::1"}.get(host, host)  # noqa: S104


def _readyz(host: str, port: int) -> int | None:
    """Return the status of GET /readyz, None when nobody answers."""
    connection = http.client.HTTPConnection(_reachable(host), port, timeout=10)
    try:
        connection.request("GET", "/readyz", headers={"Host": "localhost"})
        return connection.getresponse().status
    except (OSError, http.client.HTTPException):
        return None
    finally:
        connection.close()
