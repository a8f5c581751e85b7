"""The plan of every statement as text in Git, so that a change of a plan shows in the diff.

Without costs, rows and parameters: what is left is the same in each run on the same small data.
"""

from __future__ import annotations

import difflib
import re
from collections.abc import Iterable, Iterator
from pathlib import Path

from perf.lab.plans.explain import Node
from perf.lab.plans.statements import Endpoint, Explained
from perf.monitoring.budgets import query_name

# What row level security compares is said in words: it is in nearly every condition.
_WORDS = {
    "(NULLIF(current_setting('app.user_id'::text, true), ''::text))::bigint": "the caller",
    "(current_setting('app.staff'::text, true) = 'on'::text)": "the caller is staff",
}

FOLDER = Path(__file__).resolve().parents[2] / "contracts"


def contracts(found: Iterable[Endpoint]) -> dict[str, str]:
    """Return the contracts by the names of their files, one for each endpoint."""
    texts: dict[str, str] = {}
    for endpoint in found:
        method, path = endpoint.ask.endpoint.split()
        words = [method.lower(), *re.findall(r"\w+", path)]
        name = f"{'_'.join(words)}.txt"
        texts[name] = texts.get(name, "") + _text(endpoint)
    return texts


def kept() -> dict[str, str]:
    """Return the contracts that Git has."""
    return {path.name: path.read_text() for path in sorted(FOLDER.glob("*.txt"))}


def keep(texts: dict[str, str]) -> None:
    """Make them the contracts that Git has."""
    for path in FOLDER.glob("*.txt"):
        if path.name not in texts:
            path.unlink()
    FOLDER.mkdir(exist_ok=True)
    for name, text in texts.items():
        (FOLDER / name).write_text(text)


def differences(before: dict[str, str], after: dict[str, str]) -> str:
    """Return what changed, as `git diff` shows it; empty without a change."""
    return "\n".join(
        line
        for name in sorted({*before, *after})
        for line in difflib.unified_diff(
            before.get(name, "").splitlines(),
            after.get(name, "").splitlines(),
            f"perf/contracts/{name}",
            f"perf/contracts/{name} now",
            lineterm="",
        )
    )


def _text(endpoint: Endpoint) -> str:
    parts = [f"{at}. {_name(one)}\n{_tree(one)}" for at, one in enumerate(endpoint.statements, 1)]
    return "\n".join([f"=== {endpoint.heading}\n", *parts, ""])


def _name(one: Explained) -> str:
    """Return the name of the statement's budget; of a write what it does to which table."""
    if one.is_read:
        return query_name(one.sql) or "without a budget"
    return " ".join(one.sql.split("(")[0].split("\n")[:2]).strip()


def _tree(one: Explained) -> str:
    return "".join(f"{line}\n" for node in one.plan.nodes for line in _lines(node))


def _lines(node: Node) -> Iterator[str]:
    indent = "  " * (node.depth + 1)
    words = [node.kind, node.join and f"({node.join})", node.index, node.table]
    yield indent + " ".join(word for word in words if word)
    for name, condition in node.conditions.items():
        yield f"{indent}    {name}: {_readable(condition)}"


def _readable(condition: str) -> str:
    for text, words in _WORDS.items():
        condition = condition.replace(text, words)
    return re.sub(r"\$\d+", "$", condition)
