"""The generated parts of docs/performance.md; without times, so that a diff shows a change."""

from __future__ import annotations

import re
from collections.abc import Iterable

from perf.lab.harness.tables import markdown
from perf.lab.plans.statements import ExplainedRequest

_PART = "<!-- {name}: begin -->\n{text}\n<!-- {name}: end -->"


def replace_parts(document: str, parts: dict[str, str]) -> str:
    """Return the document with new parts; each part is between two comments with its name.

    Raises:
        ValueError: The document has no such part.
    """
    for name, text in parts.items():
        pattern = re.compile(
            _PART.format(name=name, text=".*?").replace("\n.*?\n", "\n(?:.*?\n)?"), re.DOTALL
        )
        if not pattern.search(document):
            raise ValueError(f"The document has no part {name!r}.")
        before, after = pattern.split(document, maxsplit=1)
        document = before + _PART.format(name=name, text=text.strip()) + after
    return document


def statements_markdown(requests: Iterable[ExplainedRequest]) -> str:
    """Return a section per request: the SQL of its statements, then their plans in one table.

    A statement of an earlier section is named, not repeated.
    """
    first_places: dict[str, str] = {}
    return "\n\n".join(_section(request, first_places) for request in requests)


def _section(request: ExplainedRequest, first_places: dict[str, str]) -> str:
    heading = request.sent.heading
    blocks, rows = [], []
    for at, statement in enumerate(request.statements, 1):
        place = f"{heading}, {at}"
        first_place = first_places.setdefault(statement.sql, place)
        label = str(at)
        if first_place == place:
            blocks.append(f"```sql\n{statement.sql}\n```")
        else:
            label = f"{at}: as {first_place}"
        plan = statement.plan
        figures = [str(plan.returned_rows), str(plan.buffers)] if statement.is_read else ["–", "–"]
        rows.append([label, statement.plan_text, *figures])
    if not rows:
        return f"### {heading}\n\nNo statement."
    table = markdown(rows, ["statement", "plan", "rows", "buffers"])
    return "\n\n".join([f"### {heading}", *blocks, table])
