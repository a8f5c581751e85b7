"""Expressions for querysets."""

from __future__ import annotations

from collections.abc import Iterable

from django.contrib.postgres.fields import ArrayField
from django.db.models import BigIntegerField, BooleanField, F, Func, Value


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
