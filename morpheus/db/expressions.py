"""Conditions on many values at once, sent as one array."""

from __future__ import annotations

from collections.abc import Iterable

from django.contrib.postgres.fields import ArrayField
from django.db.models import BigIntegerField, BooleanField, F, Func, Value


class AnyOf(Func):
    """`column = ANY(array)`: one statement and one parameter, however many values there are.

    `IN` is another statement for each number of values, each prepared anew, and PostgreSQL refuses
    more than 65,535 parameters. For values that the data or a client decide the number of.
    """

    arg_joiner = " = ANY("
    template = "%(expressions)s)"

    def __init__(self, column: str, values: Iterable[int]) -> None:
        array = Value([*values], output_field=ArrayField(BigIntegerField()))
        super().__init__(F(column), array, output_field=BooleanField())
