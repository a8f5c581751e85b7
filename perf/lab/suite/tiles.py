"""What the report says first: the verdict in a sentence, and the figures that matter most."""

from __future__ import annotations

from html import escape
from statistics import median
from typing import Any

Json = dict[str, Any]


def summary(said: Json) -> str:
    """Return the heading."""
    lines, broken = said["lines"], len(said["breaches"])
    verdict = (
        f"<b>{broken} budget{'s are' if broken > 1 else ' is'} broken.</b>"
        if broken
        else "<b>Every budget holds.</b>"
    )
    tightest = min(lines, key=lambda line: line["margin"])
    rows = ", ".join(
        f"{count:,} {table.split('_')[1]}s" for table, count in said["rows"].items() if count
    )
    slower = said["slower"]
    machine = (
        "The machine was not busy."
        if slower < 1.2
        else f"The machine was {slower:.1f} times slower than one that is not busy, by a reference "
        f"statement that ran before each request; budgets of time are allowed as much more."
    )
    name, margin = f"{tightest['name']}, {tightest['temperature']}", tightest["margin"]
    return (
        f'<header><div class="over">Morpheus · performance · {escape(said["taken_at"][:10])}</div>'
        f'<h1 class="{"broken" if broken else ""}">{verdict} Tightest is {escape(name)}, '
        f"with {margin:.1f} times the room that it needs.</h1>"
        f"<p>{said['rounds']} requests of each kind on {rows}. {machine}</p></header>"
    )


def tiles(said: Json) -> str:
    """Return the four figures."""
    routes = [line for line in said["lines"] if line["name"].startswith("GET /")]
    api = [line for line in routes if "/admin/" not in line["name"]] or said["lines"]
    cold = {line["name"]: line for line in api if line["temperature"] == "cold"}
    warm = {line["name"]: line for line in api if line["temperature"] == "warm"}
    saved = [cold[name]["p50"] / warm[name]["p50"] for name in cold if name in warm] or [1.0]
    lists = [
        line["buffers"] for name, line in cold.items() if line["buffers"] and "search" not in name
    ]
    shown = [
        (f"{len(said['lines'])}", "", f"routes and statements timed, {said['rounds']} times each"),
        (_ms(median(line["p50"] for line in cold.values())), "ms", "median read without a cache"),
        (f"{median(saved):.0f}", "×", "faster when it was asked for before, by the median"),
        (f"{max(lists, default=0):,}", "buffers", "the dearest read, search apart"),
    ]
    inside = "".join(
        f'<div class="card tile"><b>{figure} <small>{unit}</small></b><span>{words}</span></div>'
        for figure, unit, words in shown
    )
    return f'<div class="tiles">{inside}</div>'


def _ms(value: float) -> str:
    return f"{value:.1f}" if value < 100 else f"{value:.0f}"
