"""A small result of the performance suite."""

from __future__ import annotations

from dataclasses import replace

from perf.lab.suite.results import ResultLine
from perf.lab.suite.run import SuiteResult

LINE = ResultLine(
    budget="GET /novels/",
    name="GET /novels/?genre={genre}",
    temperature="cold",
    ratio=6.0,
    ms={"p50": 4.0, "p95": 8.0, "p99": 9.0, "max": 12.0},
    budget_ms={"p95": 50, "p99": 100},
    allowed_ms={"p95": 50.0, "p99": 100.0},
    buffers=52,
)
LINES = [
    LINE,
    replace(LINE, name="GET /novels/"),
    replace(LINE, temperature="warm", ms=LINE.ms | {"p50": 0.5}),
    replace(LINE, name="POST /comics/", buffers=None),
    replace(LINE, name="novels page", temperature="database"),
]


def make_result(lines: list[ResultLine] = LINES) -> SuiteResult:
    return SuiteResult(
        lines=lines,
        breaches=[],
        references=[0.4, 0.4],
        novels=600,
    )
