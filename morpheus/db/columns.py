"""The columns and indexes that most tables have, for models and for migrations."""

from __future__ import annotations

from typing import Any, TypeVar, overload

from django.db import models

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
