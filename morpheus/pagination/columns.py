"""Which columns order a list, and how the rows of any queryset come to have their values."""

from __future__ import annotations

from collections.abc import Sequence
from functools import lru_cache, reduce
from operator import or_
from typing import Any, NamedTuple

from django.core.exceptions import FieldDoesNotExist, ImproperlyConfigured
from django.db.models import F, Model, Q, QuerySet

from morpheus.pagination.django_internals import can_select_more, get_selected_names


class Columns(NamedTuple):
    """Ordering columns.

    Attributes:
        names: As for `order_by`, with `pk` and foreign keys by the name of their column.
        computed: Those that are no fields, such as annotations: rows tell whether they are NULL.
    """

    names: tuple[str, ...]
    computed: tuple[str, ...]


@lru_cache(maxsize=500)
def resolve_columns(model: type[Model] | None, columns: tuple[str, ...]) -> Columns:
    """Return the ordering by column names.

    Raises:
        ImproperlyConfigured: A column may be NULL; a row comparison would lose such rows silently.
    """
    names, computed = [], []
    for column in columns:
        name = column.removeprefix("-")
        attribute = _find_attribute(model, name) if model is not None else name
        if attribute is None:
            computed.append(name)
        names.append(column[: -len(name)] + (attribute or name))
    return Columns(tuple(names), tuple(computed))


def add_primary_key(model: type[Model] | None, ordering: Sequence[str]) -> tuple[str, ...]:
    """Return an ordering that ends in the primary key, in the direction of its last column."""
    key = model._meta.pk.name if model is not None else "id"
    if any(column.removeprefix("-") in ("pk", key) for column in ordering):
        return tuple(ordering)
    return (*ordering, "-pk" if ordering[-1].startswith("-") else "pk")


def add_missing_columns(queryset: Any, columns: Sequence[str]) -> tuple[Any, dict[str, str]]:
    """Select what the rows lack of the ordering columns; return the queryset and their aliases.

    Instances lack columns of other tables, which they would read one by one. Dictionaries of
    `values()` lack what it does not name.

    Raises:
        ImproperlyConfigured: Rows of this form have no room for further columns.
    """
    names = [column.removeprefix("-") for column in columns]
    selected = get_selected_names(queryset)
    if selected is None:
        missing = [name for name in names if "__" in name]
    else:
        missing = [name for name in names if name not in selected]
    if not missing:
        return queryset, {}
    if not can_select_more(queryset):
        raise ImproperlyConfigured(
            f"The rows have no {', '.join(missing)} to page by: select it, or name other orderings "
            "that end in a unique column."
        )
    aliases = {name: f"position_{number}" for number, name in enumerate(missing)}
    return queryset.annotate(**{alias: F(name) for name, alias in aliases.items()}), aliases


def refuse_null(queryset: QuerySet[Any], names: Sequence[str]) -> None:
    """Check computed columns: 1 query.

    Raises:
        ImproperlyConfigured: One is NULL in a row, which no page after the first has shown.
    """
    is_null = reduce(or_, (Q((f"{name}__isnull", True)) for name in names))
    if queryset.filter(is_null).exists():
        raise ImproperlyConfigured(f"{', '.join(names)} may be NULL; it cannot order a list.")


def _find_attribute(model: type[Model], name: str) -> str | None:
    """Return the name of a field's column, also on a path; None if the name is no field."""
    *path, last = name.split("__")
    options: Any = model._meta
    for step in (*path, last):
        if options is None:
            return None  # A transform of a field, such as `created__year`.
        try:
            field = options.pk if step == "pk" else options.get_field(step)
        except FieldDoesNotExist:
            return None
        if getattr(field, "null", False):
            raise ImproperlyConfigured(
                f"{options.object_name}.{step} may be NULL; it cannot order a list."
            )
        related = getattr(field, "related_model", None)
        options = related._meta if related else None
    return "__".join([*path, getattr(field, "attname", last)])
