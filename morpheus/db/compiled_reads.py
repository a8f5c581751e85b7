"""Reads that Django turns into SQL once: making a statement can cost more than executing it."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import Any

from django.core.exceptions import ImproperlyConfigured
from django.db import connections, router
from django.db.models import Model, QuerySet
from psycopg.types.numeric import Int8

from morpheus.django_internals.django import compile_query

# What a statement is made of at first, twice, to learn where the values go. Whole numbers of two
# bytes: Django knows without asking that a larger one is in no smaller column.
_SAMPLES = (20_011, 30_011)

# What values may be, and how a sample of each is made of such a number.
KINDS: dict[type, Callable[[int], Any]] = {
    int: int,
    list: lambda number: [number],
    str: lambda number: f"sample {number}",
    datetime: lambda number: datetime.fromtimestamp(number / 1_000_000, UTC),
}


@dataclass(frozen=True)
class _Statement:
    """SQL and its parameters; those at `places` are samples, to be replaced by a value each."""

    sql: str
    params: tuple[Any, ...]
    places: tuple[tuple[int, int], ...]

    def filled(self, values: Sequence[Any]) -> list[Any]:
        params = [*self.params]
        for place, index in self.places:
            params[place] = _like(params[place], values[index])
        return params


class CompiledRead:
    """A read whose statement never changes but for some values.

    The statement is compiled at the first use, from two sets of samples: unless they lead to the
    same SQL, and each is found again among its parameters, it is refused. It is executed as any
    other: by Django's cursor, on the database that the request reads, for whom it reads.

    Args:
        kinds: Of each value that `rows` is given, one of `KINDS`; a list is of whole numbers.
        build: Makes the queryset of as many values, by `values_list()`.
    """

    def __init__(self, *kinds: type, build: Callable[..., QuerySet[Any]]) -> None:
        self._kinds = kinds
        self._build = build
        self._compiled: tuple[type[Model], _Statement] | None = None

    def rows(self, *values: Any) -> list[tuple[Any, ...]]:
        """Return the rows: 1 query.

        Raises:
            ImproperlyConfigured: `build` makes what cannot be compiled once.
        """
        model, statement = self._compiled = self._compiled or self._compile()
        with connections[router.db_for_read(model)].cursor() as cursor:
            cursor.execute(statement.sql, statement.filled(values))
            found: list[tuple[Any, ...]] = cursor.fetchall()
        return found

    def _compile(self) -> tuple[type[Model], _Statement]:
        first, second = (self._samples(number) for number in _SAMPLES)
        queryset, twin = self._build(*first), self._build(*second)
        sql, params, has_converters = compile_query(queryset)
        other_sql, other_params, _ = compile_query(twin)
        if sql != other_sql or has_converters:
            raise ImproperlyConfigured(f"This cannot be compiled once: {sql}")
        pairs = [*zip(first, second, strict=True)]
        places = [
            (place, pairs.index(pair))
            for place, pair in enumerate(zip(params, other_params, strict=True))
            if pair in pairs
        ]
        # What differs and is none of our pairs was made of a value, which is not what we send.
        differing = [a for a, b in zip(params, other_params, strict=True) if a != b]
        if len(differing) != len(places) or {index for _, index in places} != {*range(len(pairs))}:
            raise ImproperlyConfigured(f"The values are not all parameters as they are: {sql}")
        return queryset.model, _Statement(sql, params, tuple(places))

    def _samples(self, first: int) -> list[Any]:
        return [KINDS[kind](first + at) for at, kind in enumerate(self._kinds)]


def _like(sample: Any, value: Any) -> Any:
    """Return a value as a bigint, or an array of those: another size would be another statement.

    The array as text: psycopg would look at each number. Django's cast says what it is.
    """
    if isinstance(sample, list):
        return f"{{{','.join(str(int(each)) for each in value)}}}"
    return Int8(value) if isinstance(sample, int) else value
