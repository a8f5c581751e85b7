"""What migrations are made of: hand-written SQL files, and the columns that most tables have."""

from __future__ import annotations

from importlib.util import find_spec
from pathlib import Path
from typing import Any

from django.db import migrations, models

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


def id_column() -> models.BigAutoField[int, int]:
    """Return Django's default primary key."""
    return models.BigAutoField(
        auto_created=True, primary_key=True, serialize=False, verbose_name="ID"
    )


# Of foreign keys; `sql/foreign_keys.sql` of the app has the constraint.
_REFERENCE: dict[str, Any] = {"db_constraint": False, "on_delete": models.DO_NOTHING}


def reference(to: str, *, related_name: str = "+", **options: Any) -> models.ForeignKey[Any, Any]:
    """Return a foreign key column."""
    return models.ForeignKey(to, db_index=False, related_name=related_name, **_REFERENCE, **options)


def reference_as_key(to: str, *, related_name: str) -> models.OneToOneField[Any, Any]:
    """Return a foreign key column that is the primary key."""
    return models.OneToOneField(
        to, primary_key=True, related_name=related_name, serialize=False, **_REFERENCE
    )


def public_owner() -> models.ForeignObject[Any, Any]:
    """Return the relation from the column `owner` to the name that everyone may read; no column."""
    return models.ForeignObject(
        from_fields=["owner"],
        on_delete=models.DO_NOTHING,
        related_name="+",
        to="users.publicuser",
        to_fields=["id"],
    )


def list_index(
    name: str, *fields: str, include: tuple[str, ...] = (), public_only: bool = True
) -> models.Index:
    """Return an index of a list, with the columns that row level security compares."""
    compared = tuple(column for column in ("owner", "is_public") if column not in fields)
    return models.Index(
        fields=fields,
        include=compared + include,
        condition=models.Q(is_public=True) if public_only else None,
        name=name,
    )
