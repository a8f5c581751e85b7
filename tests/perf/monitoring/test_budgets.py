"""perf/budgets.toml is complete, says what is known, and is read without Django."""

from __future__ import annotations

import subprocess
import sys

import pytest

from perf.monitoring.budgets import PATH, BadBudgets, budgets, parsed

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


def test_the_file_is_read_without_django():
    code = (
        "import sys; from perf.monitoring.budgets import budgets; "
        "budgets(); print('django' in sys.modules)"
    )
    said = subprocess.run([sys.executable, "-c", code], cwd=PATH.parents[1], capture_output=True)

    assert said.stdout.strip() == b"False", said.stderr


def test_what_an_entry_leaves_out_is_said_for_all():
    route = parsed(text()).routes["GET /x/"]

    assert (route.queries_warm, route.forbidden_nodes, route.offload) == (1, ("Sort",), None)


@pytest.mark.parametrize(
    ("wrong", "said"),
    [
        (text(route=f"{ROUTE}, p50_ms = 1"), r"GET /x/: nobody reads p50_ms\."),
        (text(route=ROUTE.replace("bytes = 9, ", "")), "GET /x/: .*'bytes'"),
        (text(route=ROUTE.replace("p95_ms = 1", "p95_ms = 3")), "GET /x/: p95_ms is more"),
        (text(query=f"kind = 'odd', {QUERY}, p99_ms = 2"), "x: there is no kind 'odd'"),
        (text(query=f"kind = 'simple', {QUERY}, p99_ms = 101"), "x: .* a simple statement may"),
        ("x = ", "not TOML"),
    ],
)
def test_a_mistake_is_refused_and_its_entry_named(wrong, said):
    with pytest.raises(BadBudgets, match=said):
        parsed(wrong)


def test_every_statement_must_be_far_below_the_floor_of_its_kind():
    said = budgets()

    loose = [
        name
        for name, query in said.queries.items()
        if query.p95_ms > said.kinds_ms[query.kind] / 10 and not query.reason
    ]
    assert loose == []
