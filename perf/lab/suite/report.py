"""The result as one page of HTML that needs nothing else: light and dark, wide and narrow."""

from __future__ import annotations

import math
from html import escape
from pathlib import Path
from typing import Any

from perf.lab.plans.operators import PROBES
from perf.lab.suite.charts import Series, axis, distributions, plot
from perf.lab.suite.tiles import summary, tiles

Json = dict[str, Any]

_STYLE = Path(__file__).with_name("report.css")
# What stands for its like in the curve over sizes.
_CURVES = {
    "list": "GET /novels/",
    "detail": "GET /novels/{novel_id}/",
    "panels": "GET /comics/{comic_id}/panels/",
    "status": "GET /novels/{novel_id}/status/",
    "dashboard": "GET /users/me/dashboard/, its owner",
}


def report(said: Json, sizes: dict[str, Json]) -> str:
    """Return the page of one result, beside the last results of other sizes."""
    broken = "".join(f"<li>{escape(text)}</li>" for text in said["breaches"])
    parts = [
        summary(said),
        tiles(said),
        f'<ul class="card breaches">{broken}</ul>' if broken else "",
        _routes(said),
        _statements(said),
        _depths(said),
        _sizes(sizes),
        _memory(said),
        _table(said),
    ]
    return (
        '<!doctype html><html lang="en"><meta charset="utf-8">'
        '<meta name="viewport" content="width=device-width, initial-scale=1">'
        f"<title>Morpheus performance, {escape(said['size'])}</title>"
        f"<style>{_STYLE.read_text()}</style><main>{''.join(parts)}</main></html>\n"
    )


def _kind(name: str) -> str:
    if name.startswith(("GET /admin/", *(f"GET {path}" for path in PROBES))):
        return "Operators"
    return "Reading" if name.startswith("GET ") else "Writing"


def _section(heading: str, words: str, body: str) -> str:
    return f"<section><h2>{heading}</h2><p>{words}</p>{body}</section>"


def _routes(said: Json) -> str:
    by_name: dict[str, dict[str, Json]] = {}
    for line in said["lines"]:
        if line["temperature"] != "database":
            by_name.setdefault(line["name"], {})[line["temperature"]] = line
    rows = []
    for kind in ("Reading", "Writing", "Operators"):
        rows.append(f'<div class="group">{kind}</div>')
        rows += [_row(name, of) for name, of in by_name.items() if _kind(name) == kind]
    legend = _legend(
        '<i style="background:var(--cold)"></i>without a cache',
        '<i style="background:var(--warm)"></i>warm',
        '<i class="tick" style="background:var(--limit)"></i>p95 allowed here',
    )
    words = (
        "How long each request took, as one client sees it, on a scale where each step is ten "
        "times the one before. The thin line ends at the slowest answer."
    )
    return _section("Routes", words, f'{legend}<div class="card">{_scale()}{"".join(rows)}</div>')


def _row(name: str, of: dict[str, Json]) -> str:
    cold, warm = of.get("cold"), of.get("warm")
    main = cold or warm or {}
    picture = distributions(
        cold["ms"] if cold else [],
        warm["ms"] if warm else [],
        main["allowed_p95"],
        ("--cold", "--warm"),
    )
    figures = [
        f"{line['temperature']} p95 <b>{_ms(line['p95'])}</b> of {_ms(line['budget_p95'])} ms"
        for line in of.values()
    ]
    return _shown(name, picture, figures, is_over=any(one["margin"] < 1 for one in of.values()))


def _statements(said: Json) -> str:
    lines = [line for line in said["lines"] if line["temperature"] == "database"]
    rows = [
        _shown(
            line["name"],
            distributions(line["ms"], [], line["allowed_p95"], ("--data", "--data")),
            [
                f"p95 <b>{_ms(line['p95'])}</b> of {_ms(line['budget_p95'])} ms",
                f"{line['buffers']:,} buffers",
            ],
            is_over=line["margin"] < 1,
        )
        for line in lines
    ]
    words = (
        "Each reading statement in the request that makes it dearest, as the serving role, "
        "prepared, through the pool."
    )
    return _section("Statements", words, f'<div class="card">{_scale()}{"".join(rows)}</div>')


def _shown(name: str, picture: str, figures: list[str], *, is_over: bool) -> str:
    request, _, who = escape(name).partition(", ")
    who = f" <em>{who}</em>" if who else ""
    said = "".join(f"<span>{figure}</span>" for figure in figures)
    return (
        f'<div class="row{" over" if is_over else ""}"><span class="name">{request}{who}</span>'
        f'{picture}<span class="figures">{said}</span></div>'
    )


def _scale() -> str:
    return f'<div class="row"><span></span>{axis()}<span></span></div>'


def _legend(*entries: str) -> str:
    return f'<div class="legend">{"".join(f"<span>{entry}</span>" for entry in entries)}</div>'


def _depths(said: Json) -> str:
    routes: dict[str, tuple[int, Series]] = {}
    for one in said["depths"]:
        route, _, ordering = one["name"].partition(" ")
        _, series = routes.setdefault(route, (one["rows"], {}))
        series[ordering] = [(float(share), page["p50"]) for share, page in one["pages"].items()]
    ticks = {share: f"{share:.0%}" for share in (0.0, 0.25, 0.5, 0.75, 1.0)}
    plots = [
        f'<div class="card"><h3><span class="name">{escape(route)}</span> · {rows:,} rows</h3>'
        f"{plot(series, x_ticks=ticks, unit=' ms', x_of=lambda share: share)}</div>"
        for route, (rows, series) in routes.items()
    ]
    words = (
        "Median of a page of 20 without a cache, by the share of the list that lies before it. "
        "Flat is right: a cursor begins where the page before ended."
    )
    return _section("Depth", words, f'<div class="plots">{"".join(plots)}</div>')


def _sizes(sizes: dict[str, Json]) -> str:
    """Return buffers and times over the number of novels, of all results that are kept."""
    words = (
        "What one request without a cache costs when there are more rows: buffers that it reads, "
        "and its median in multiples of the reference, which a busy machine leaves as it is."
    )
    novels = [one["rows"]["novels_novel"] for one in sizes.values()]
    if len({*novels}) < 2:
        note = "Only one size was measured so far: <code>make perf SCALE=small</code> adds another."
        return _section("Size", words, f'<div class="card"><p>{note}</p></div>')
    least, most = math.log(min(novels)), math.log(max(novels))
    ticks = {float(count): f"{count:,}" for count in novels}
    plots = []
    for figure, unit in (("buffers", ""), ("ratio", " ×")):
        series: Series = {name: _over_sizes(sizes, of, figure) for name, of in _CURVES.items()}
        chart = plot(
            {name: points for name, points in series.items() if points},
            x_ticks=ticks,
            unit=unit,
            x_of=lambda count: (math.log(count) - least) / (most - least),
        )
        heading = "Buffers" if figure == "buffers" else "Median, times the reference"
        plots.append(f'<div class="card"><h3>{heading}, by novels</h3>{chart}</div>')
    return _section("Size", words, f'<div class="plots">{"".join(plots)}</div>')


def _over_sizes(sizes: dict[str, Json], name: str, figure: str) -> list[tuple[float, float]]:
    return [
        (float(one["rows"]["novels_novel"]), float(line[figure]))
        for one in sizes.values()
        for line in one["lines"]
        if (line["name"], line["temperature"]) == (name, "cold") and line[figure] is not None
    ]


def _memory(said: Json) -> str:
    most = max((one["mb"] for one in said["memory"]), default=1)
    bars = "".join(
        f'<div class="bar"><span>{escape(one["operation"])}</span>'
        f'<div><i style="width:{(one["mb"] - one["more_mb"]) / most:.1%}"></i>'
        f'<i style="width:{one["more_mb"] / most:.1%}"></i></div>'
        f"<span>{one['mb']:,.0f} MB, +{one['more_mb']:,.0f}</span></div>"
        for one in said["memory"]
    )
    words = (
        "The most that the server's processes held during an operation, and (darker) how much of "
        "it they had not held before. Seeding is a process of its own, and all of it is new."
    )
    body = bars or "<p>This system does not tell.</p>"
    return _section("Memory", words, f'<div class="card">{body}</div>')


def _table(said: Json) -> str:
    head = "".join(
        f"<th>{escape(word)}</th>"
        for word in ("", "p50", "p95", "p99", "max", "p95/p99 budget", "margin", "buffers")
    )
    rows = "".join(
        f'<tr class="{"over" if line["margin"] < 1 else ""}"><td class="name">'
        f"{escape(line['name'])}, {line['temperature']}</td>"
        + "".join(f"<td>{_ms(line[key])}</td>" for key in ("p50", "p95", "p99", "max"))
        + f"<td>{line['budget_p95']:g} / {line['budget_p99']:g}</td><td>{line['margin']:.1f} ×</td>"
        f"<td>{'–' if line['buffers'] is None else format(line['buffers'], ',')}</td></tr>"
        for line in said["lines"]
    )
    words = "Milliseconds. The margin is what is allowed on this machine, divided by what it took."
    table = f'<div class="card scroll"><table><tr>{head}</tr>{rows}</table></div>'
    return _section("All figures", words, table)


def _ms(value: float) -> str:
    return f"{value:,.0f}" if value >= 100 else f"{value:.1f}" if value >= 1 else f"{value:.2f}"
