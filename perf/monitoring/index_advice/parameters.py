"""Values for a statement of which only the text is known: the commonest that the table has."""

from __future__ import annotations

import re
from typing import Any

from django.db import DatabaseError, connection, transaction
from django.db.models import Count, Model
from django.db.models.fields import Field

from morpheus.db.transactions import write_transaction
from perf.lab.plans.capture import Statement
from perf.monitoring.index_advice.needs import models_by_table

PAGE_ROWS = 21
# Of so many rows the commonest value is taken.
SAMPLED_ROWS = 10_000

_COMPARED = re.compile(
    r'"?(?P<table>\w+)"?\."?(?P<column>\w+)"?\s*'
    r"(?:(?P<list>IN \(|= ANY\s*\()|(?P<operator>=|<>|<=|>=|<|>))\s*"
    r"(?P<numbers>\$\d+(?:, \$\d+)*)"
)
_PAGE = re.compile(r"\b(?P<kind>LIMIT|OFFSET) \$(?P<number>\d+)")


class UnknownParameter(Exception):
    """A value cannot be told; the message says which."""


def filled(text: str) -> Statement:
    """Return the statement with values for its parameters.

    Raises:
        UnknownParameter: One is compared with no column of ours.
    """
    values: dict[int, Any] = {}
    for page in _PAGE.finditer(text):
        values[int(page["number"])] = PAGE_ROWS if page["kind"] == "LIMIT" else 0
    aliases = _aliases(text)
    for compared in _COMPARED.finditer(text):
        column = _field(aliases, compared["table"], compared["column"])
        for number in _numbers(compared["numbers"]):
            value = commonest(column)
            is_array = compared["list"] and compared["list"].startswith("= ANY")
            values[number] = [value] if is_array else value
    wanted = [int(number) for number in re.findall(r"\$(\d+)", text)]
    unknown = sorted({*wanted} - {*values})
    if unknown:
        raise UnknownParameter(f"the value of ${unknown[0]} cannot be told")
    sql = re.sub(r"\$\d+", "%s", text.replace("%", "%%"))
    statement = Statement(sql, tuple(values[number] for number in wanted))
    _check(statement)
    return statement


def _numbers(text: str) -> list[int]:
    return [int(number) for number in re.findall(r"\$(\d+)", text)]


def _aliases(text: str) -> dict[str, type[Model]]:
    """Return our models by the names that the statement gives their tables."""
    found: dict[str, type[Model]] = {}
    for table, model in models_by_table().items():
        for alias in re.findall(rf'\b{table}\b"?(?: (?:AS )?"?(\w+)"?)?', text):
            found[table] = model
            found[alias or table] = model
    return found


def _field(aliases: dict[str, type[Model]], table: str, column: str) -> Field[Any, Any]:
    model = aliases.get(table)
    fields = model._meta.concrete_fields if model else ()
    found = next((field for field in fields if field.column == column), None)
    if found is None:
        raise UnknownParameter(f"{table}.{column} is no column of ours")
    return found


def commonest(column: Field[Any, Any]) -> Any:
    """Return the value that most of some rows have."""
    name = column.attname
    with write_transaction(as_staff=True):
        rows = column.model._default_manager.order_by().filter(**{f"{name}__isnull": False})
        sampled = rows.filter(pk__in=rows.values("pk")[:SAMPLED_ROWS])
        counted = sampled.values(name).annotate(rows=Count("pk")).order_by("-rows", name)
        first = counted.first()
    if first is None:
        raise UnknownParameter(f"{column.model._meta.db_table} has no {column.column}")
    return first[name]


def _check(statement: Statement) -> None:
    """Plan it once: a text may have been cut, or be of tables that are gone."""
    try:
        with transaction.atomic(), connection.cursor() as cursor:
            cursor.execute(f"EXPLAIN {statement.sql}", statement.params)
    except DatabaseError as error:
        said = str(error).splitlines()[0]
        raise UnknownParameter(f"PostgreSQL does not plan it ({said})") from error
