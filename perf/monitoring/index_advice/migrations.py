"""Advice as what is committed: a migration, and the line of the model's `Meta.indexes`."""

from __future__ import annotations

import re
from collections.abc import Sequence
from dataclasses import dataclass
from textwrap import indent, wrap
from typing import Any

from django.contrib.postgres.indexes import GinIndex
from django.db import connection
from django.db.migrations.loader import MigrationLoader
from django.db.migrations.writer import MigrationWriter
from django.db.models import Index, Model, Q

from users.models import shown_index

_LINE_CHARS = 100
_OPERATIONS = "from django.contrib.postgres.operations import {}"
_INTERRUPTED = (
    "If it is interrupted, PostgreSQL keeps an INVALID index: drop {name} and migrate again."
)


# The last migration that was written here, by app: the next one follows it.
Written = dict[str, str]


@dataclass(frozen=True, slots=True)
class Migration:
    """A migration's file.

    Attributes:
        path: Below the checkout.
    """

    path: str
    text: str


def adding(model: type[Model], index: Index, why: str, written: Written) -> Migration:
    """Return the migration that adds a new index of the model, without keeping writers out."""
    operation = (
        "AddIndexConcurrently(\n"
        f'    "{model._meta.model_name}",\n'
        f"{indent(_constructor(index, 'models.Index', 'models.Q'), '    ')},\n"
        ")"
    )
    imports = [_OPERATIONS.format("AddIndexConcurrently")]
    if isinstance(index, GinIndex):
        imports.insert(0, "from django.contrib.postgres.indexes import GinIndex")
        imports.append("from django.db import migrations")
    else:
        imports.append("from django.db import migrations, models")
    why = f"{why}\n\n{_alone('CREATE')} {_INTERRUPTED.format(name=index.name)}"
    return _migration(model, f"add_{_purpose(model, index.name)}", why, imports, operation, written)


def restoring(model: type[Model], index: Index, why: str, written: Written) -> Migration:
    """Return the migration that makes an index which the models have, and this database lacks.

    Other databases may have it, so it is made where it is missing; the models' state stays.
    """
    with connection.schema_editor(collect_sql=True) as editor:
        create = str(index.create_sql(model, editor, concurrently=True))
    create = create.replace("CONCURRENTLY ", "CONCURRENTLY IF NOT EXISTS ", 1)
    operation = _run_sql(create)
    why = f"{why}\n\n{_alone('CREATE')} {_INTERRUPTED.format(name=index.name)}"
    imports = ["from django.db import migrations"]
    return _migration(
        model, f"restore_{_purpose(model, index.name)}", why, imports, operation, written
    )


def removing(
    model: type[Model], name: str, definition: str, why: str, written: Written
) -> Migration:
    """Return the migration that drops an index, with the way back.

    One that the models do not declare came past them, and goes so.
    """
    why = f"{why}\n\n{_alone('DROP')} To recover from an interruption, migrate again: {name} may be"
    why += " left INVALID until then."
    imports = ["from django.db import migrations"]
    if any(index.name == name for index in model._meta.indexes):
        imports.insert(0, _OPERATIONS.format("RemoveIndexConcurrently"))
        operation = f'RemoveIndexConcurrently("{model._meta.model_name}", "{name}")'
    else:
        back = re.sub(r"^(CREATE (?:UNIQUE )?INDEX) ", r"\1 CONCURRENTLY ", definition)
        operation = _run_sql(f'DROP INDEX CONCURRENTLY IF EXISTS "{name}"', back)
    return _migration(model, f"drop_{_purpose(model, name)}", why, imports, operation, written)


def meta_line(index: Index) -> str:
    """Return the line for `Meta.indexes`, in the shortest form that the models have for it."""
    if type(index) is Index and index.include:
        same = shown_index(*index.fields, name=index.name, condition=index.condition)
        if same == index:
            fields = [_literal(name) for name in index.fields]
            words = [*fields, f'name="{index.name}"']
            words += [f"condition={_condition(index.condition, 'Q')}"] if index.condition else []
            return f"shown_index({', '.join(words)}),"
    return (
        " ".join(_constructor(index, "models.Index", "Q").split())
        .replace("( ", "(")
        .replace(", )", ")")
        + ","
    )


def _constructor(index: Index, plain: str, q: str) -> str:
    name = plain if type(index) is Index else type(index).__name__
    _, _, options = index.deconstruct()
    lines = [
        f"    {key}={_condition(value, q) if isinstance(value, Q) else _literal(value)},"
        for key, value in sorted(options.items(), key=lambda one: _ORDER.index(one[0]))
    ]
    return "\n".join([f"{name}(", *lines, ")"])


# As people write them.
_ORDER = ("fields", "name", "condition", "include", "opclasses", "fastupdate")


def _condition(condition: Q, q: str) -> str:
    """Return a condition as it is written; one that is more than equalities as Django says it."""
    pairs = [child for child in condition.children if isinstance(child, tuple)]
    is_plain = condition.connector == Q.AND and not condition.negated
    if not is_plain or len(pairs) < len(condition.children):
        return str(MigrationWriter.serialize(condition)[0]).replace("models.Q", q)
    return f"{q}({', '.join(f'{name}={_literal(value)}' for name, value in pairs)})"


def _literal(value: Any) -> str:
    if isinstance(value, str):
        return f'"{value}"'
    if isinstance(value, list | tuple):
        return f"[{', '.join(map(_literal, value))}]"
    return repr(value)


def _run_sql(forward: str, backward: str = "") -> str:
    back = _text(backward) if backward else "migrations.RunSQL.noop"
    return f"migrations.RunSQL(\n    {_text(forward, bare=True)},\n    reverse_sql={back},\n)"


def _text(sql: str, *, bare: bool = False) -> str:
    """Return a Python string of the statement, in lines that fit; bare: without parentheses."""
    pieces = wrap(sql, _LINE_CHARS - 24, break_long_words=False, break_on_hyphens=False)
    lines = [f"{piece} " for piece in pieces[:-1]] + pieces[-1:]
    quoted = [f"'{line}'" if '"' in line else f'"{line}"' for line in lines]
    if bare or len(quoted) == 1:
        return "\n    ".join(quoted)
    return "\n".join(["(", *(f"        {line}" for line in quoted), "    )"])


def _alone(verb: str) -> str:
    return f"Alone in its migration because {verb} INDEX CONCURRENTLY cannot run in a transaction."


def _purpose(model: type[Model], name: str) -> str:
    for beginning in (model._meta.db_table, model._meta.app_label):
        if name.startswith(f"{beginning}_"):
            name = name.removeprefix(f"{beginning}_")
            break
    return f"{name.removesuffix('_idx')}_index"


def _migration(
    model: type[Model],
    title: str,
    why: str,
    imports: Sequence[str],
    operation: str,
    written: Written,
) -> Migration:
    app = model._meta.app_label
    graph = MigrationLoader(None, ignore_no_migrations=True).graph
    leaves = [written[app]] if app in written else [name for _, name in graph.leaf_nodes(app)]
    number = 1 + max((int(name.split("_")[0]) for name in leaves), default=0)
    first, *paragraphs = why.split("\n\n")
    text = "\n\n".join("\n".join(wrap(one, _LINE_CHARS)) for one in (f'"""{first}', *paragraphs))
    dependencies = ", ".join(f'("{app}", "{name}")' for name in leaves)
    lines = [
        f'{text}\n"""\n',
        *imports,
        "\n",
        "class Migration(migrations.Migration):",
        "    atomic = False",
        f"    dependencies = [{dependencies}]",
        "    operations = [",
        f"{indent(operation, '        ')},",
        "    ]",
    ]
    folder = model._meta.app_config.name.replace(".", "/")
    written[app] = f"{number:04}_{title}"
    return Migration(f"{folder}/migrations/{written[app]}.py", "\n".join(lines) + "\n")
