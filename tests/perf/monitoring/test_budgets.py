"""perf/budgets.toml is complete, has known fields only, and is read without Django."""

from __future__ import annotations

import subprocess
import sys

import pytest

from perf.monitoring.budgets import PATH, BadBudgets, budgets, parse_budgets

ROUTE = "queries_cold = 1, buffers = 9, examined_per_row = 1, bytes = 9, p95_ms = 1, p99_ms = 2"
QUERY = "matches = 'x', buffers = 9, examined_per_row = 1, p95_ms = 1"


def text(route: str = ROUTE, query: str = f"kind = 'simple', {QUERY}, p99_ms = 2") -> str:
    return f"""
    kinds_ms = {{ simple = 100 }}
    slow_ms = 1000
    reference_ms = 1
    forbidden_nodes = ["Sort"]
    routes."GET /x/" = {{ {route} }}
    queries."x" = {{ {query} }}
    """


def test_the_file_is_read_without_django() -> None:
    code = (
        "import sys; from perf.monitoring.budgets import budgets; "
        "budgets(); print('django' in sys.modules)"
    )
    result = subprocess.run([sys.executable, "-c", code], cwd=PATH.parents[1], capture_output=True)

    assert result.stdout.strip() == b"False", result.stderr


def test_an_entry_has_the_defaults_of_the_file() -> None:
    route = parse_budgets(text()).routes["GET /x/"]

    assert (route.queries_warm, route.forbidden_nodes, route.offload) == (1, ("Sort",), None)


@pytest.mark.parametrize(
    ("wrong", "message"),
    [
        (text(route=f"{ROUTE}, p50_ms = 1"), r"GET /x/: unknown fields: p50_ms\."),
        (text(route=ROUTE.replace("bytes = 9, ", "")), "GET /x/: .*'bytes'"),
        (text(route=ROUTE.replace("p95_ms = 1", "p95_ms = 3")), "GET /x/: p95_ms exceeds"),
        (text(query=f"kind = 'odd', {QUERY}, p99_ms = 2"), "x: the kind 'odd' is unknown"),
        (
            text(query=f"kind = 'simple', {QUERY}, p99_ms = 101"),
            "x: p99_ms exceeds the limit of simple statements",
        ),
        ("x = ", "not TOML"),
    ],
)
def test_a_mistake_is_refused_with_the_name_of_its_entry(wrong: str, message: str) -> None:
    with pytest.raises(BadBudgets, match=message):
        parse_budgets(wrong)


def test_every_statement_is_far_below_the_limit_of_its_kind() -> None:
    limits = budgets()

    loose = [
        name
        for name, query in limits.queries.items()
        if query.p95_ms > limits.kinds_ms[query.kind] / 10 and not query.reason
    ]
    assert loose == []
