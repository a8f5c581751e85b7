"""Refuse migrations that block a running Morpheus, or break its previous release; of `make lint`.

    python -m tests.migration_lint

squawk parses the SQL that each migration runs, files in `sql/` included, without a database. The
rest of this module are rules that it does not have. docs/upgrading.md says what to write instead.

A migration with the attribute `contract` may drop things: its text says since which release nothing
uses them. `-- squawk-ignore RULE` above a statement of hand-written SQL excepts that statement.
"""

from __future__ import annotations

import json
import os
import re
import subprocess
import sys
from pathlib import Path
from typing import Any

import django
from django.db import OperationalError, connection, migrations
from django.db.backends.postgresql.schema import DatabaseSchemaEditor
from django.db.migrations.loader import MigrationLoader
from django.db.migrations.state import ProjectState
from psycopg.sql import quote

APPS = ("api", "cache", "worker", "users", "novels", "comics", "reading", "perf")
SQUAWK = str(Path(sys.executable).parent / "squawk")
# The oldest that Morpheus runs on.
POSTGRESQL = "15.0"

UNUSED = (
    # `manage.py migrate` sets both.
    "require-lock-timeout",
    "require-statement-timeout",
    # A migration is one transaction; of others, `manage.py migrate` drops invalid indexes.
    "prefer-robust-stmts",
    # Types are chosen in models.
    "prefer-bigint-over-int",
    "prefer-bigint-over-smallint",
    "prefer-identity",
    "prefer-text-field",
)
# A rename is never among them: a release that uses neither name needs none.
CONTRACTED = (
    "ban-drop-column",
    "ban-drop-constraint",
    "ban-drop-default",
    "ban-drop-function",
    "ban-drop-table",
    "ban-drop-view",
)

BLOCKING = re.compile(
    r"^(CLUSTER|LOCK|TRUNCATE|VACUUM FULL|REFRESH MATERIALIZED VIEW (?!CONCURRENTLY)"
    r"|ALTER TABLE [^;]* SET (?:UNLOGGED|LOGGED|TABLESPACE|ACCESS METHOD))",
    re.M,
)
ROW_CHANGES = re.compile(r"^(UPDATE|DELETE) ", re.M)
SCHEMA_CHANGES = re.compile(r"^(?:ALTER|CREATE|DROP|REINDEX) [^;]*", re.M)
WITHOUT_BLOCKING = re.compile(r" CONCURRENTLY | VALIDATE CONSTRAINT ")


class _Recorder(DatabaseSchemaEditor):
    """Collects statements without a connection; Django's lets the server quote the values."""

    def execute(self, sql: Any, params: Any = ()) -> None:
        text = str(sql)
        if params:
            text %= tuple(quote(value) for value in params)
        self.collected_sql.append(text.strip().rstrip(";") + ";")


def collect_sql(migration: migrations.Migration, state: ProjectState) -> str:
    """Return the SQL that a migration runs after those that made `state`."""
    with _Recorder(connection, collect_sql=True, atomic=False) as editor:
        migration.apply(state, editor, collect_sql=True)
    return "\n".join(editor.collected_sql) + "\n"


def lint(migration: migrations.Migration, state: ProjectState) -> dict[str, str]:
    """Return the rules that a migration breaks, with what to know about each."""
    try:
        sql = collect_sql(migration, state)
    except OperationalError:
        return {"unknown-sql": "Django looks up constraints in a database: write the SQL instead."}
    broken = _run_squawk(sql, migration)
    if match := BLOCKING.search(sql):
        broken["blocking"] = f"{match[1]} blocks reads until it has finished."
    if not migration.atomic:
        changes = SCHEMA_CHANGES.findall(sql)
        if len(changes) > 1 or not all(map(WITHOUT_BLOCKING.search, changes)):
            broken["non-atomic-schema"] = (
                "Without a transaction there are no time limits, and no way back to the start: "
                "change the schema by one statement CONCURRENTLY, or validate a constraint."
            )
    elif ROW_CHANGES.search(sql) or any(
        isinstance(each, migrations.RunPython) for each in migration.operations
    ):
        broken["atomic-data"] = (
            "Changed rows stay locked to the end: set atomic = False, in batches."
        )
    return broken


def _run_squawk(sql: str, migration: migrations.Migration) -> dict[str, str]:
    excluded = (*UNUSED, *CONTRACTED) if getattr(migration, "contract", "") else UNUSED
    options = ["--assume-in-transaction"] if migration.atomic else []
    command = [SQUAWK, "--reporter=json", f"--pg-version={POSTGRESQL}", *options]
    command += [f"--exclude={','.join(excluded)}", f"--stdin-filepath={migration}"]
    result = subprocess.run(command, input=sql, capture_output=True, text=True, check=False)
    if result.returncode not in (0, 1):
        raise RuntimeError(result.stderr)
    lines = sql.splitlines()
    return {
        each["rule_name"]: f"{each['message']} `{lines[each['line']]}`"
        for each in json.loads(result.stdout)
    }


def main() -> int:
    os.environ.setdefault("DJANGO_SETTINGS_MODULE", "morpheus.settings")
    django.setup()
    loader = MigrationLoader(None)
    migrations_of_apps = [
        (key, migration)
        for key, migration in sorted(loader.disk_migrations.items())
        if key[0] in APPS
    ]
    violations = [
        f"{migration}: {rule}: {text}"
        for key, migration in migrations_of_apps
        for rule, text in lint(migration, loader.project_state(key, at_end=False)).items()
    ]
    print("\n".join(violations) or f"{len(migrations_of_apps)} migrations: ok")
    return bool(violations)


if __name__ == "__main__":
    sys.exit(main())
