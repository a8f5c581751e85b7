"""What a statement wants of an index: where its plan wastes work, and what it asks there."""

from __future__ import annotations

import re
from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any

from django.apps import apps
from django.db.models import Model

from perf.lab.plans.judgement import SMALL_TABLE_ROWS
from perf.monitoring.index_advice.conditions import Conditions, unwrapped
from perf.monitoring.index_advice.looking import Look

# Rows that are read and dropped, or found in the table one by one, before they are worth an index.
FEW_ROWS = 20

_CONDITIONS = ("Filter", "Index Cond", "Recheck Cond")
# Of a reason that only an index which finds the rows, too, can be for.
_LOOKED_AT = " are looked at "
# What keeps an order from reaching what is above it.
_MIXES = ("Aggregate", "Group", "Unique", "WindowAgg", "SetOp", "Append")


@dataclass(frozen=True, slots=True)
class Need:
    """What an index of one table must have; columns are names of the model's fields.

    Attributes:
        equal: Compared for equality, in any order; the last of them with several values.
        literals: Boolean columns and the value that the statement itself names.
        ordering: Columns of ordering or range, with their signs.
        gin: Columns that only a GIN index finds rows by, with the operator.
        reads: All columns that the statement needs, its conditions included.
        reasons: What the plan does instead, a phrase each.
    """

    model: type[Model]
    equal: tuple[str, ...]
    literals: tuple[tuple[str, bool], ...]
    ordering: tuple[str, ...]
    gin: tuple[tuple[str, str], ...]
    reads: tuple[str, ...]
    reasons: tuple[str, ...]


def needs(look: Look) -> Iterator[Need]:
    """Yield what would serve a statement where its plan reads more than it gives."""
    wasted = _wasted(look.executed)
    for node, above in _scans(look.bare, ()):
        reasons = wasted.get(node["Alias"])
        model = models_by_table().get(node["Relation Name"])
        if reasons and model is not None:
            need = _need(model, node, above, tuple(reasons))
            if need is not None:
                yield need


def models_by_table() -> dict[str, type[Model]]:
    """Return our own models, whose migrations we can write."""
    return {
        model._meta.db_table: model
        for config in apps.get_app_configs()
        if "site-packages" not in config.path
        for model in config.get_models(include_auto_created=True)
        if model._meta.managed
    }


def _wasted(plan: dict[str, Any]) -> dict[str, list[str]]:
    """Return why work is wasted on tables, by their aliases."""
    found: dict[str, list[str]] = {}
    for node, above in _scans(plan, ()):
        rows = node.get("Actual Rows", 0) * node.get("Actual Loops", 1)
        removed = node.get("Rows Removed by Filter", 0) * node.get("Actual Loops", 1)
        table, index = node["Relation Name"], node.get("Index Name", "")
        returned = plan["Actual Rows"] * plan["Actual Loops"]
        if node["Node Type"] == "Seq Scan":
            if rows + removed > SMALL_TABLE_ROWS and rows + removed > 2 * returned:
                found.setdefault(node["Alias"], []).append(
                    f"{table} is read whole, {rows + removed:,.0f} rows"
                )
        elif removed >= FEW_ROWS and removed > rows:
            by = f"by {index} " if index else ""
            found.setdefault(node["Alias"], []).append(
                f"{removed:,.0f} rows that {table} was read {by}for are dropped by a filter"
            )
        elif "Only" not in node["Node Type"] and rows >= FEW_ROWS and _own_buffers(node) >= rows:
            found.setdefault(node["Alias"], []).append(
                f"{_own_buffers(node):,} pages{_LOOKED_AT}for {rows:,.0f} rows of {table}"
            )
        for sort in (one for one in above if one["Node Type"] == "Sort"):
            given = sort["Plans"][0]["Actual Rows"] * sort["Plans"][0]["Actual Loops"]
            if given > SMALL_TABLE_ROWS and given > 2 * returned and _ordering(sort, node):
                found.setdefault(node["Alias"], []).append(f"{given:,.0f} rows are sorted")
    return found


def _scans(
    node: dict[str, Any], above: tuple[dict[str, Any], ...]
) -> Iterator[tuple[dict[str, Any], tuple[dict[str, Any], ...]]]:
    """Yield what reads tables, and the nodes above it, the nearest first."""
    if "Relation Name" in node and node["Node Type"].endswith("Scan"):
        yield node, above
    for child in node.get("Plans", ()):
        yield from _scans(child, (node, *above))


def _own_buffers(node: dict[str, Any]) -> int:
    def total(one: dict[str, Any]) -> int:
        return int(one.get("Shared Hit Blocks", 0) + one.get("Shared Read Blocks", 0))

    return total(node) - sum(map(total, node.get("Plans", ())))


def _need(
    model: type[Model],
    node: dict[str, Any],
    above: tuple[dict[str, Any], ...],
    reasons: tuple[str, ...],
) -> Need | None:
    columns: dict[str, Any] = {str(field.column): field for field in model._meta.concrete_fields}
    found = Conditions()
    for name in _CONDITIONS:
        found.add(node.get(name, ""), node["Alias"], columns)
    child = node
    for parent in above:
        # What is joined to rows that are there already is found by them.
        if "Join Filter" in parent and parent["Plans"][0] is not child:
            found.add(parent["Join Filter"], node["Alias"], columns)
        child = parent
    ordering = _inherited_ordering(node, above)
    if not ordering:
        ordering = tuple(found.ranges)
        equal = [*found.equal, *found.any_of]
    else:
        equal = found.equal
    ordering = tuple(one for one in ordering if one.lstrip("-") not in equal)
    asked = {*equal, *found.literals, *(one.lstrip("-") for one in ordering)}
    if not asked and not found.gin or model._meta.pk.column in equal:
        return None
    if not (equal or ordering or found.gin) and all(_LOOKED_AT in one for one in reasons):
        return None

    def named(column: str) -> str:
        sign = "-" if column.startswith("-") else ""
        return sign + str(columns[column.lstrip("-")].name)

    reads = _reads(node, above, columns)
    return Need(
        model=model,
        equal=tuple(map(named, equal)),
        literals=tuple((named(name), value) for name, value in found.literals.items()),
        ordering=tuple(map(named, ordering)),
        gin=tuple((named(column), operator) for column, operator in found.gin),
        reads=tuple(named(name) for name in columns if name in reads),
        reasons=reasons,
    )


def _inherited_ordering(node: dict[str, Any], above: tuple[dict[str, Any], ...]) -> tuple[str, ...]:
    kinds = [parent["Node Type"] for parent in above]
    place = next((at for at, kind in enumerate(kinds) if "Sort" in kind), None)
    # Rows are also sorted to be grouped.
    if place is None or any(kind in _MIXES for kind in kinds[: place + 2]):
        return ()
    return _ordering(above[place], node)


def _ordering(sort: dict[str, Any], node: dict[str, Any]) -> tuple[str, ...]:
    """Return the sort's columns with their signs, if all are of the node's table."""
    found = []
    for key in sort["Sort Key"]:
        plain = re.sub(r' COLLATE "?[\w.-]+"?', "", key)
        sign = "-" if plain.endswith(" DESC") else ""
        alias, _, column = unwrapped(plain.removesuffix(" DESC")).rpartition(".")
        if not re.fullmatch(r"\w+", column) or alias not in ("", node["Alias"]):
            return ()
        found.append(sign + column)
    return tuple(found)


def _reads(
    node: dict[str, Any], above: tuple[dict[str, Any], ...], columns: dict[str, Any]
) -> set[str]:
    """Return the columns that the statement needs of a table, its conditions included.

    A scan may say that it gives all columns, where giving some would cost it more.
    """
    texts = [str(node.get(name, "")) for name in _CONDITIONS]
    gives_all = len(node.get("Output", ())) >= len(columns)
    for one in above if gives_all and above else (node,):
        texts += [str(value) for key, value in one.items() if key != "Plans"]
    alias = re.escape(node["Alias"])
    words = "\n".join(texts)
    return {
        name
        for name in columns
        if re.search(rf'(?<![\w."]){alias}\."?{name}\b', words)
        or re.search(rf"(?<![\w.]){name}\b(?!\.)", words)
    }
