"""The generated parts of docs/performance.md; without times, so that a diff shows a change."""

from __future__ import annotations

import re

from perf.lab.plans.report import markdown
from perf.lab.plans.statements import Endpoint

_PART = "<!-- {name}: begin -->\n{text}\n<!-- {name}: end -->"


def filled(document: str, parts: dict[str, str]) -> str:
    """Return the document with its parts renewed; a part stands between two comments.

    Raises:
        ValueError: The document has no such part.
    """
    for name, text in parts.items():
        pattern = re.compile(
            _PART.format(name=name, text=".*?").replace("\n.*?\n", "\n(?:.*?\n)?"), re.DOTALL
        )
        if not pattern.search(document):
            raise ValueError(f"The document has no part {name!r}.")
        whole = _PART.format(name=name, text=text.strip())
        before, after = pattern.split(document, maxsplit=1)
        document = before + whole + after
    return document


def statements_markdown(found: list[Endpoint]) -> str:
    """Return a section per endpoint: the SQL of its statements, then their plans in one table.

    A statement that was shown before is only named.
    """
    shown: dict[str, str] = {}
    return "\n\n".join(_section(endpoint, shown) for endpoint in found)


def statement_texts(document: str) -> dict[str, list[str]]:
    """Return the SQL that a document shows, by the headings of endpoints, without the plans."""
    # They begin with a method and a path.
    sections = re.split(r"^### (?=[A-Z]+ /)", document, flags=re.MULTILINE)[1:]
    return {
        section.split("\n", 1)[0]: re.findall(r"```sql\n(.*?)\n```", section, re.DOTALL)
        for section in sections
    }


def _section(endpoint: Endpoint, shown: dict[str, str]) -> str:
    blocks, lines = [], []
    for at, one in enumerate(endpoint.statements, 1):
        before = shown.setdefault(one.sql, f"{endpoint.heading}, {at}")
        if before == f"{endpoint.heading}, {at}":
            blocks.append(f"```sql\n{one.sql}\n```")
        said = str(at) if before == f"{endpoint.heading}, {at}" else f"{at}: as {before}"
        figures = [str(one.plan.returned), str(one.plan.buffers)] if one.is_read else ["–", "–"]
        lines.append([said, one.plan_text, *figures])
    heading = f"### {endpoint.heading}"
    if not lines:
        return f"{heading}\n\nNo statement."
    figures_table = markdown(lines, ["statement", "plan", "rows", "buffers"])
    return "\n\n".join([heading, *blocks, figures_table])
