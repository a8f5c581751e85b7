"""Reads whose SQL Django compiles once, because that can cost more than executing it."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import Any
from uuid import UUID

from django.contrib.postgres.fields import ArrayField
from django.core.exceptions import ImproperlyConfigured
from django.db import connections, router
from django.db.models import BigIntegerField, BooleanField, F, Field, Func, Model, QuerySet, Value
from psycopg.types.numeric import Int8

from morpheus.django_internals.django import compile_query

# Seeds of the two sets of sample values that a statement is compiled from. They fit into two bytes:
# Django omits a comparison with a number that exceeds its column.
_SEEDS = (20_011, 30_011)

# Types of values, and how to make a sample from a seed.
KINDS: dict[type, Callable[[int], Any]] = {
    int: int,
    list: lambda number: [number],
    str: lambda number: f"sample {number}",
    UUID: lambda number: UUID(int=number),
    datetime: lambda number: datetime.fromtimestamp(number / 1_000_000, UTC),
}


@dataclass(frozen=True)
class _Statement:
    """SQL with sample parameters.

    Attributes:
        places: For each parameter that a value replaces: its index, and the index of the value.
    """

    sql: str
    params: tuple[Any, ...]
    places: tuple[tuple[int, int], ...]

    def bind(self, values: Sequence[Any]) -> list[Any]:
        params = [*self.params]
        for place, index in self.places:
            params[place] = _adapt(params[place], values[index])
        return params


class CompiledRead:
    """A read whose SQL is constant except for some values.

    The first use compiles it from two sets of samples. It is refused unless both lead to the same
    SQL and every sample is a parameter. It runs on the database and with the identity of the
    request. Times in the rows are text, as the API shows them.

    Args:
        kinds: The type of each value, one of `KINDS`; a list is of integers.
        build: Returns the queryset for the values, with `values_list()`.
        unused: How many of the first values the queryset may leave out.
        around: SQL around the queryset's, `{}`, with parameters of its own behind it, which are
            integers: Django writes the numbers of a slice into the SQL, a statement for each.
    """

    def __init__(
        self,
        *kinds: type,
        build: Callable[..., QuerySet[Any]],
        unused: int = 0,
        around: str = "{}",
    ) -> None:
        self._kinds = kinds
        self._build = build
        self._unused = unused
        self._around = around
        self._compiled: tuple[type[Model], _Statement] | None = None

    def rows(self, *values: Any, numbers: Sequence[int] = ()) -> list[tuple[Any, ...]]:
        """Return the rows: 1 query.

        Args:
            numbers: The parameters of `around`.

        Raises:
            ImproperlyConfigured: The queryset's SQL depends on the values.
        """
        model, statement = self._compiled = self._compiled or self._compile()
        connection: Any = connections[router.db_for_read(model)]
        params = statement.bind(values)
        if numbers:
            params += map(Int8, numbers)
        rows: list[tuple[Any, ...]] = connection.read_rows(statement.sql, params)
        return rows

    def _compile(self) -> tuple[type[Model], _Statement]:
        first, second = (self._samples(seed) for seed in _SEEDS)
        queryset, twin = self._build(*first), self._build(*second)
        sql, params, has_converters = compile_query(queryset)
        twin_sql, twin_params, _ = compile_query(twin)
        if sql != twin_sql or has_converters:
            raise ImproperlyConfigured(f"The SQL depends on the values, or rows on Python: {sql}")
        samples = [*zip(first, second, strict=True)]
        pairs = [*zip(params, twin_params, strict=True)]
        places = [
            (place, samples.index(pair)) for place, pair in enumerate(pairs) if pair in samples
        ]
        # A parameter that differs and is no sample was derived from a value.
        differing = [param for param, twin_param in pairs if param != twin_param]
        required = {*range(self._unused, len(first))}
        if len(differing) != len(places) or not required <= {index for _, index in places}:
            raise ImproperlyConfigured(f"The values are not all parameters as they are: {sql}")
        return queryset.model, _Statement(self._around.format(sql), params, tuple(places))

    def _samples(self, seed: int) -> list[Any]:
        return [KINDS[kind](seed + at) for at, kind in enumerate(self._kinds)]


def _adapt(sample: Any, value: Any) -> Any:
    """Return an integer as bigint and a list as an array's text.

    Smaller integers would be another prepared statement. For a list, psycopg would look at each
    number; Django's cast gives the text its type.
    """
    if isinstance(sample, list):
        return f"{{{','.join(str(int(each)) for each in value)}}}"
    return Int8(value) if isinstance(sample, int) else value


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
