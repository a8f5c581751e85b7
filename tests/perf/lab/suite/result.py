"""A result such as a run has, in small."""

from __future__ import annotations

from dataclasses import replace

from perf.lab.suite.depths import Depths
from perf.lab.suite.lines import Line
from perf.lab.suite.memory import Peak
from perf.lab.suite.run import Result
from perf.lab.suite.timing import Times

LINE = Line(
    about="GET /novels/",
    name="GET /novels/?q=<b>",
    temperature="cold",
    p50=4.0,
    p95=8.0,
    p99=9.0,
    max=12.0,
    ratio=6.0,
    budget_p95=50,
    budget_p99=100,
    allowed_p95=50.0,
    allowed_p99=100.0,
    buffers=52,
    ms=[3.0, 4.0, 8.0, 12.0],
)
LINES = [
    LINE,
    replace(LINE, name="GET /novels/"),
    replace(LINE, temperature="warm", p50=0.5, ms=[0.4, 0.5]),
    replace(LINE, name="POST /comics/", buffers=None),
    replace(LINE, name="novels page", temperature="database"),
]


def result(lines: list[Line] = LINES, *, novels: int = 600) -> Result:
    times = Times([4.0, 5.0], [0.4, 0.4])
    return Result(
        lines=lines,
        counted=[],
        depths=[Depths("/novels/ -created_at", novels, {0.0: times, 1.0: times})],
        memory=[Peak("upload of a big novel", 180.0, 12.0)],
        reference=[0.4, 0.4],
        rows={"novels_novel": novels},
        rounds=2,
    )
