"""Start, stop and show the embedded PostgreSQL and Valkey; make the database roles."""

from __future__ import annotations

import contextlib
import os
import signal
import sys
from argparse import REMAINDER, ArgumentParser
from typing import Any

from django.conf import settings
from django.core.management.base import BaseCommand, CommandError
from psycopg.conninfo import conninfo_to_dict

from morpheus.embedded.addresses import Addresses
from morpheus.embedded.guard_client import stop_services
from morpheus.embedded.paths import ServiceError
from morpheus.embedded.processes import run_command
from morpheus.embedded.roles import APP, LOADER, OWNER, RolesUnavailable, build_script, ensure_roles
from morpheus.management.embedded import REPLACED_BY, embedded_services

EXIT_NOT_UP = 3
ROLE_URLS = {
    OWNER: "DATABASE_OWNER_URL",
    APP: "DATABASE_URL",
    LOADER: "DATABASE_LOADER_URL",
}


class Command(BaseCommand):
    help = "Embedded services: up, down, status; roles (for any server)."
    requires_system_checks: list[str] = []

    def add_arguments(self, parser: ArgumentParser) -> None:
        actions = parser.add_subparsers(dest="action", required=True)
        actions.add_parser("up", help="start; return when both are ready")
        actions.add_parser("down", help="stop, whichever processes use them")
        actions.add_parser("status", help="one line per service; exit code 3 unless all are up")
        roles = actions.add_parser("roles", help="make roles, database and rights")
        roles.add_argument("--sql", action="store_true", help="print a psql script instead")
        during = actions.add_parser(
            "with", help="migrate, then run another command while they are up"
        )
        during.add_argument("command", nargs=REMAINDER, help="for example: seed --scale small")

    def handle(self, *, action: str, **options: Any) -> None:
        try:
            getattr(self, f"_{action}")(**options)
        except (ServiceError, RolesUnavailable) as error:
            raise CommandError(str(error)) from error

    def _up(self, **_: Any) -> None:
        services = embedded_services()
        if services.wanted:
            services.start(detached=True)
        self._print_status()

    def _down(self, **_: Any) -> None:
        stopped = stop_services(settings.MORPHEUS_VAR)
        self.stdout.write("Stopped." if stopped else "Nothing was running.")

    def _status(self, **_: Any) -> None:
        if not self._print_status():
            sys.exit(EXIT_NOT_UP)

    def _roles(self, *, sql: bool, **_: Any) -> None:
        app_url = os.environ.get("DATABASE_URL", "")
        database = str(conninfo_to_dict(app_url).get("dbname") or "morpheus")
        if sql:
            self.stdout.write(build_script(database), ending="")
            return
        for warning in ensure_roles(find_admin_url(), database, read_passwords()):
            self.stderr.write(warning)
        self.stdout.write(f"{', '.join(ROLE_URLS)} and database {database} are ready.")

    def _with(self, *, command: list[str], **_: Any) -> None:
        """Migrate and run `command`; then stop the services unless they ran before."""
        services = embedded_services()
        signal.signal(signal.SIGTERM, signal.default_int_handler)
        with services if services.wanted else contextlib.nullcontext():
            for step in (["migrate", "--verbosity", "0"], command):
                manage = [sys.executable, str(settings.BASE_DIR / "manage.py"), *step]
                if code := run_command(manage, cwd=os.getcwd()):
                    sys.exit(code)

    def _print_status(self) -> bool:
        """Print one line per service; tell whether all embedded ones are up."""
        statuses = embedded_services().status()
        for status in statuses:
            self.stdout.write(str(status))
        for name, variable in REPLACED_BY.items():
            if os.environ.get(variable):
                self.stdout.write(f"{name}: not embedded, the server of {variable}")
        return all(status.is_up for status in statuses)


def find_admin_url() -> str:
    """Return the login of an administrator: DATABASE_ADMIN_URL, or the embedded server's.

    Raises:
        CommandError: The server is not embedded, and there is no such login.
    """
    if admin_url := os.environ.get("DATABASE_ADMIN_URL"):
        return admin_url
    if os.environ.get("DATABASE_URL"):
        raise CommandError(
            "DATABASE_URL is set: set DATABASE_ADMIN_URL to a login that may create roles, or "
            "give the output of `manage.py services roles --sql` to an administrator."
        )
    return Addresses.under(settings.MORPHEUS_VAR).database_url("postgres", "postgres")


def read_passwords() -> dict[str, str]:
    """Return the roles' passwords from the URLs that name these roles."""
    logins = {
        role: conninfo_to_dict(os.environ.get(variable, "")) for role, variable in ROLE_URLS.items()
    }
    return {
        role: str(login["password"])
        for role, login in logins.items()
        if login.get("user") == role and login.get("password")
    }
