"""What models and migrations share: usual columns and indexes, and files of SQL."""

from __future__ import annotations

from importlib.util import find_spec
from pathlib import Path
from typing import Any, TypeVar, overload

from django.db import migrations, models

_UP, _DOWN = "-- migrate:up\n", "-- migrate:down\n"

M = TypeVar("M", bound=models.Model)

# Of foreign keys; `sql/foreign_keys.sql` of the app has the constraint.
_REFERENCE: dict[str, Any] = {"db_constraint": False, "on_delete": models.DO_NOTHING}


def id_column() -> models.BigAutoField[int, int]:
    """Return Django's default primary key."""
    return models.BigAutoField(
        auto_created=True, primary_key=True, serialize=False, verbose_name="ID"
    )


@overload
def reference(to: type[M], **options: Any) -> models.ForeignKey[M, M]: ...
@overload
def reference(to: str, **options: Any) -> models.ForeignKey[Any, Any]: ...
def reference(to: Any, *, related_name: str = "+", **options: Any) -> models.ForeignKey[Any, Any]:
    """Return a foreign key column."""
    return models.ForeignKey(to, db_index=False, related_name=related_name, **_REFERENCE, **options)


@overload
def reference_as_key(to: type[M], *, related_name: str) -> models.OneToOneField[M, M]: ...
@overload
def reference_as_key(to: str, *, related_name: str) -> models.OneToOneField[Any, Any]: ...
def reference_as_key(to: Any, *, related_name: str) -> models.OneToOneField[Any, Any]:
    """Return a foreign key column that is the primary key."""
    return models.OneToOneField(
        to, primary_key=True, related_name=related_name, serialize=False, **_REFERENCE
    )


def public_owner() -> models.ForeignObject[Any, Any]:
    """Return a relation from a model's `owner` to the owner's public columns; adds no column.

    The row always exists, because a foreign key in the database requires the owner.
    """
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
    """Return an index of a list that includes the columns that row level security compares.

    Pages of ids, and sums of the columns `include`, are then index-only scans.
    """
    compared = tuple(column for column in ("owner", "is_public") if column not in fields)
    return models.Index(
        fields=fields,
        include=compared + include,
        condition=models.Q(is_public=True) if public_only else None,
        name=name,
    )


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
