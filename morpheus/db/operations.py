"""Hand-written SQL files as operations of migrations."""

from __future__ import annotations

from importlib.util import find_spec
from pathlib import Path

from django.db import migrations

_UP, _DOWN = "-- migrate:up\n", "-- migrate:down\n"


def run_sql_file(package: str, name: str) -> migrations.RunSQL:
    """Run `<package>/sql/<name>.sql`, whose last part is the way back.

    To change the text of a function after a release, edit the file, and add a migration with
    `RunSQL([down, up])` (`read_sql_file`). It replaces the function where the first
    migration has run before, and changes nothing in a new database.
    """
    up, down = read_sql_file(package, name)
    return migrations.RunSQL([up], reverse_sql=[down])


def read_sql_file(package: str, name: str) -> tuple[str, str]:
    """Return the parts of a file after `-- migrate:up` and after `-- migrate:down`.

    Raises:
        ValueError: The file does not have both marks, once each.
    """
    spec = find_spec(package)
    if spec is None or not spec.submodule_search_locations:
        raise ModuleNotFoundError(f"No package {package}.")
    path = Path(spec.submodule_search_locations[0], "sql", f"{name}.sql")
    text = path.read_text(encoding="utf-8")
    if text.count(_UP) != 1 or text.count(_DOWN) != 1:
        raise ValueError(f"{path} must have the lines {_UP.strip()} and {_DOWN.strip()}.")
    up, down = text.split(_UP)[1].split(_DOWN)
    return up, down
