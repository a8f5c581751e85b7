"""Whether figures stay flat over the time of a run, and their chart."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field
from math import nan
from statistics import fmean, median
from xml.sax.saxutils import escape

from perf.monitoring.dashboard.charts import draw_trend

# The last fifth may be so many times the second fifth: by then everything that is loaded once is
# there. Medians, so that the seconds after a fault do not count.
MAX_GROWTH = 1.2
# Bars of a chart, and the size of one of its rows, in units of the dashboard's charts.
BARS = 60
_WIDTH, _ROW, _TEXT = 6 * BARS, 44, 12
_STYLE = (
    "text{font:9px sans-serif;fill:#57606a}.within{fill:#4c78a8}.over{fill:#d1242f}"
    ".none{fill:#d0d7de}.ground{fill:#fff}"
    ".fault{stroke:#bf8700;stroke-width:.5;stroke-dasharray:2}"
)


@dataclass
class Figure:
    """One figure over the seconds of a run.

    Attributes:
        slack: Growth that says nothing, whatever its share.
        points: Seconds since the beginning, and the value.
    """

    name: str
    unit: str
    slack: float
    points: list[tuple[float, float]] = field(default_factory=list)

    def median_of_fifth(self, number: int, seconds: float) -> float:
        """Return the median of the fifth with this number, from 1 to 5; NaN without a value."""
        since, until = (number - 1) * seconds / 5, number * seconds / 5
        return median([value for at_s, value in self.points if since <= at_s < until] or [nan])

    def limit(self, seconds: float) -> float:
        """Return what the last fifth may be."""
        return self.median_of_fifth(2, seconds) * MAX_GROWTH + self.slack

    def is_flat(self, seconds: float) -> bool:
        """Tell whether the figure did not grow; no comparison with NaN is true."""
        return self.median_of_fifth(5, seconds) <= self.limit(seconds)

    def bars(self, seconds: float) -> list[float | None]:
        """Return the means of equal parts of the run."""
        parts: list[list[float]] = [[] for _ in range(BARS)]
        for at_s, value in self.points:
            parts[min(BARS - 1, int(at_s / seconds * BARS))].append(value)
        return [fmean(part) if part else None for part in parts]


def draw_figures(
    figures: Sequence[Figure], seconds: float, title: str, faults_s: Sequence[float] = ()
) -> str:
    """Draw each figure as bars over time; those beyond the limit of the last fifth stand out.

    Args:
        faults_s: Moments with a line through all figures.
    """
    height = _ROW * len(figures) + 2 * _TEXT
    parts = [
        f'<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 {_WIDTH + 20} {height}" '
        f'role="img" aria-label="{escape(title)}"><style>{_STYLE}</style>'
        f'<rect class="ground" width="100%" height="100%"/>'
        f'<text x="10" y="{_TEXT}">{escape(title)}</text>'
    ]
    for number, figure in enumerate(figures):
        top, bars = 2 * _TEXT + number * _ROW, figure.bars(seconds)
        values = [value for value in bars if value is not None] or [0.0]
        text = (
            f"{figure.name}: {min(values):,.0f} to {max(values):,.0f}{figure.unit and ' '}"
            f"{figure.unit}, limit {figure.limit(seconds):,.0f}"
        )
        chart = draw_trend(bars, figure.limit(seconds)).strip()
        placed = chart.replace("<svg ", f'<svg x="10" y="{top + 14}" height="20" ', 1)
        parts.append(f'<text x="10" y="{top + 10}">{escape(text)}</text>{placed}')
    lines = "".join(f"M{10 + _WIDTH * at / seconds:.1f} {2 * _TEXT}V{height}" for at in faults_s)
    return "\n".join([*parts, f'<path class="fault" d="{lines}"/>', "</svg>\n"])
