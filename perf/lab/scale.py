"""What requests read, by the number of rows that there are: a curve kept in a small file."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

from django.conf import settings
from django.db import connection

from morpheus.db.roles import connected_as
from perf.lab.plans.report import prove
from perf.lab.plans.statements import endpoints
from perf.monitoring.list_routes import combinations

CURVE = Path(settings.BASE_DIR) / "perf" / "scale.json"
SUBJECT = "novels"
TABLES = {
    "novels": "novels_novel",
    "chapters": "novels_chapter",
    "comics": "comics_comic",
    "panels": "comics_panel",
    "users": "users_user",
}
# A route may read so many times as much of the most rows as of the fewest.
MOST_GROWTH = 1.3

Measurement = dict[str, Any]


def measurement(route: str = "") -> Measurement:
    """Return what each GET of the API reads of this database, in shared buffers.

    A request is counted without the cache, with all of its statements; below it, as routes of their
    own, are the second and the deepest page of each list, the mean of all orderings and filters.

    Args:
        route: Measure only routes that contain this text.
    """
    _tidy()
    buffers: dict[str, float] = {
        endpoint.heading: sum(one.plan.buffers for one in endpoint.statements)
        for endpoint in endpoints()
        if endpoint.ask.endpoint.startswith("GET ") and route in endpoint.ask.endpoint
    }
    pages: dict[str, list[int]] = {}
    for combination in combinations():
        if route not in combination.route.path:
            continue
        proof = prove(combination)
        if proof.pages is not None:
            for name in ("second", "deepest"):
                of_list = pages.setdefault(f"{name} page of {combination.route.path}", [])
                of_list.append(proof.pages.plans[name].buffers)
    buffers |= {name: round(sum(found) / len(found), 1) for name, found in pages.items()}
    return {"rows": _rows(), "buffers": buffers}


def added(curve: list[Measurement], found: Measurement) -> list[Measurement]:
    """Return the curve with a measurement, instead of one of as many novels if there is one."""
    others = [one for one in curve if one["rows"][SUBJECT] != found["rows"][SUBJECT]]
    return sorted([*others, found], key=lambda one: one["rows"][SUBJECT])


def read(file: Path) -> list[Measurement]:
    """Return the measurements, those of the fewest rows first."""
    return list(json.loads(file.read_text())) if file.exists() else []


def write(file: Path, curve: list[Measurement]) -> None:
    """Keep the measurements."""
    file.write_text(json.dumps(curve, indent=1) + "\n")


def headings(curve: list[Measurement]) -> list[str]:
    """Return the table's headings: a column per number of novels, and how much the last is."""
    return ["buffers of", *(f"{one['rows'][SUBJECT]:,} novels" for one in curve), "growth"]


def lines(curve: list[Measurement]) -> list[list[str]]:
    """Return a line of cells for each route that the largest measurement has."""
    return [
        [name, *(_figure(one["buffers"].get(name)) for one in curve), _growth(curve, name)]
        for name in curve[-1]["buffers"]
    ]


def growing(curve: list[Measurement]) -> dict[str, float]:
    """Return the routes that read more than they may of the most rows, and how much more."""
    ratios = {name: growth(curve, name) for name in curve[-1]["buffers"]}
    return {name: ratio for name, ratio in ratios.items() if ratio and ratio > MOST_GROWTH}


def growth(curve: list[Measurement], name: str) -> float | None:
    """Return buffers at the most rows ÷ at the fewest; None where either reads nothing."""
    least, most = (one["buffers"].get(name) for one in (curve[0], curve[-1]))
    return most / least if least and most else None


def _growth(curve: list[Measurement], name: str) -> str:
    ratio = growth(curve, name)
    return "–" if ratio is None else f"{ratio:.2f}"


def _figure(buffers: float | None) -> str:
    return (
        "–" if buffers is None else f"{buffers:,.0f}" if buffers == int(buffers) else f"{buffers}"
    )


def _tidy() -> None:
    """Vacuum what was measured before: it wrote, and took back, what no index can vouch for."""
    with connected_as("owner"), connection.cursor() as cursor:
        cursor.execute(f"VACUUM {', '.join(TABLES.values())}")


def _rows() -> dict[str, int]:
    with connected_as("loader"), connection.cursor() as cursor:
        counts = {}
        for name, table in TABLES.items():
            cursor.execute(f"SELECT count(*) FROM {table}")  # noqa: S608 - a constant
            counts[name] = int(cursor.fetchone()[0])
    return counts
