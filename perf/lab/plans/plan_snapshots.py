"""Every statement with its plan as golden files, so that a change of either shows in the diff.

A snapshot has no costs, rows or parameters: the rest is the same in each run on the same small
data.
"""

from __future__ import annotations

import difflib
import re
from collections.abc import Iterable, Iterator
from pathlib import Path

from perf.lab.plans.statements import ExplainedRequest, ExplainedStatement
from perf.monitoring.budgets import query_name
from perf.monitoring.explain import PlanNode

# Row level security adds these to nearly every condition.
_WORDS = {
    "(NULLIF(current_setting('app.user_id'::text, true), ''::text))::bigint": "the caller",
    "(current_setting('app.staff'::text, true) = 'on'::text)": "the caller is staff",
}

FOLDER = Path(__file__).with_name("snapshots")


def build_snapshots(requests: Iterable[ExplainedRequest]) -> dict[str, str]:
    """Return the text of each snapshot by its file name, one for each route."""
    texts: dict[str, str] = {}
    for request in requests:
        method, path = request.sent.route.split()
        words = [method.lower(), *re.findall(r"\w+", path)]
        name = f"{'_'.join(words)}.txt"
        texts[name] = texts.get(name, "") + format_request(request)
    return texts


def read_snapshots() -> dict[str, str]:
    """Return the snapshots in the repository."""
    return {path.name: path.read_text() for path in sorted(FOLDER.glob("*.txt"))}


def write_snapshots(texts: dict[str, str]) -> None:
    """Replace the snapshots in the repository."""
    for path in FOLDER.glob("*.txt"):
        if path.name not in texts:
            path.unlink()
    FOLDER.mkdir(exist_ok=True)
    for name, text in texts.items():
        (FOLDER / name).write_text(text)


def diff_snapshots(before: dict[str, str], after: dict[str, str]) -> str:
    """Return the changes as a unified diff; empty without a change."""
    return "\n".join(
        line
        for name in sorted({*before, *after})
        for line in difflib.unified_diff(
            before.get(name, "").splitlines(),
            after.get(name, "").splitlines(),
            f"snapshots/{name}",
            f"snapshots/{name} now",
            lineterm="",
        )
    )


def format_request(request: ExplainedRequest, *, has_figures: bool = False) -> str:
    """Return the statements of a request with their plans, and figures of executed reads."""
    parts = []
    for at, statement in enumerate(request.statements, 1):
        figures, plan = "", statement.plan
        if has_figures and statement.is_read:
            figures = f": {plan.returned_rows} rows, {plan.buffers} buffers"
        lines = (line for node in plan.nodes for line in _lines(node))
        parts += [f"{at}. {_name(statement)}{figures}", statement.sql, *lines, ""]
    return "\n".join([f"=== {request.sent.heading}\n", *parts, ""])


def _name(statement: ExplainedStatement) -> str:
    """Return the name of the statement's budget; for a write, its verb and table."""
    if statement.is_read:
        return query_name(statement.sql) or "without a budget"
    return " ".join(statement.sql.split("(")[0].split("\n")[:2]).strip()


def _lines(node: PlanNode) -> Iterator[str]:
    indent = "  " * (node.depth + 1)
    words = [node.kind, node.join and f"({node.join})", node.index, node.table]
    yield indent + " ".join(word for word in words if word)
    for name, condition in node.conditions.items():
        yield f"{indent}    {name}: {_simplify(condition)}"


def _simplify(condition: str) -> str:
    for text, words in _WORDS.items():
        condition = condition.replace(text, words)
    return re.sub(r"\$\d+", "$", condition)
