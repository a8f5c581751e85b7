"""Expressions for querysets."""

from __future__ import annotations

from collections.abc import Iterable

from django.contrib.postgres.fields import ArrayField
from django.db.models import BigIntegerField, BooleanField, F, Field, Func, Value


def of_all_rows(function: str, column: str) -> Func:
    """Return an aggregate of all rows, for a compiled read: `aggregate()` is no queryset.

    With one of Django's aggregates, a queryset would group its rows. Of a numeric field, Django
    would convert the result.
    """
    return Func(F(column), function=function, output_field=Field())


class AnyOf(Func):
    """`column = ANY(array)`: one statement and one parameter for any number of values.

    For values whose number depends on data or a client. `IN` is a different prepared statement for
    each number of values, and PostgreSQL refuses more than 65,535 parameters.
    """

    arg_joiner = " = ANY("
    template = "%(expressions)s)"

    def __init__(self, column: str, values: Iterable[int]) -> None:
        array = Value([*values], output_field=ArrayField(BigIntegerField()))
        super().__init__(F(column), array, output_field=BooleanField())
