"""The statements that indexes are for: every endpoint's and list's, and what the server saw."""

from __future__ import annotations

import re
from collections.abc import Iterator
from dataclasses import dataclass, replace

import psycopg
from django.db import connection, transaction
from psycopg.conninfo import make_conninfo

from perf.lab.offload.database_time import DatabaseTime
from perf.lab.offload.database_time import Statement as Counted
from perf.lab.plans.capture import Statement
from perf.lab.plans.pages import asked as pages_asked
from perf.lab.plans.requests import ASKS, answered
from perf.lab.plans.samples import NoSample
from perf.monitoring.index_advice.parameters import UnknownParameter, filled
from perf.monitoring.list_routes import combinations

# Of the statements that the server saw and no endpoint sent, so many are looked at, the dearest
# first; cheaper ones than this, in pages a call, and rare ones are left out.
MAX_OTHERS = 30
CHEAP_BUFFERS = 50
MIN_CALLS = 5

# The catalogue is PostgreSQL's own; the other is what `perf.lab.plans.samples` asks.
_NOT_THEIRS = re.compile(r'\bpg_\w+|AS "value0"')

_VALUES = re.compile(r"%\(\w+\)s|%s|\$\d+|'(?:[^']|'')*'|(?<![\w\"])-?\d+(?:\.\d+)?")


@dataclass(frozen=True)
class Asked:
    """A statement and who sends it.

    Attributes:
        by: The request, or where else it was seen.
        calls: How often the server ran it since its statistics were reset; 0 is not known.
        ms: What all these calls took.
        is_own: Whether PostgreSQL itself asks it for a foreign key, past row level security.
    """

    by: str
    statement: Statement
    user_id: int | None
    calls: int = 0
    ms: float = 0.0
    is_own: bool = False


@dataclass(frozen=True)
class Workload:
    """All that is to be looked at, and what could not be, in sentences."""

    asked: list[Asked]
    notes: list[str]


def workload(route: str = "") -> Workload:
    """Collect the statements of the API's reads, and others that the server ran.

    Args:
        route: Only of endpoints whose path contains this, and then no others.
    """
    notes: list[str] = []
    asked = [*_endpoints(route), *_lists(route, notes)]
    distinct = {repr((one.statement, one.user_id)): one for one in reversed(asked)}
    asked = [one for one in reversed(distinct.values())]
    try:
        figures = counted()
    except psycopg.Error as error:
        said = str(error).splitlines()[0]
        return Workload(asked, [*notes, f"pg_stat_statements is not read: {said}."])
    by_text = {normal(one.text): one for one in reversed(figures)}
    known = {normal(one.statement.sql) for one in asked}
    asked = [_with_figures(one, by_text.get(normal(one.statement.sql))) for one in asked]
    if not route:
        asked += elsewhere(figures, known, notes)
    return Workload(asked, notes)


def elsewhere(figures: list[Counted], known: set[str], notes: list[str]) -> Iterator[Asked]:
    """Yield the dearest statements that are not known, with values; add to notes what has none."""
    others = [one for one in figures if normal(one.text) not in known and _is_dear(one)]
    for one in sorted(others, key=lambda one: -one.ms)[:MAX_OTHERS]:
        try:
            statement = filled(one.text)
        except UnknownParameter as unknown:
            notes.append(f"Not looked at, {unknown}: {shortened(one.text)}")
            continue
        by = f"pg_stat_statements: {shortened(one.text, 60)}"
        yield Asked(by, statement, None, one.calls, one.ms)


def normal(sql: str) -> str:
    """Return the text of a statement without its values, as both sides of a comparison."""
    text = _VALUES.sub("?", " ".join(sql.split()))
    return re.sub(r"\?(?:, \?)+", "?", text)


def _endpoints(route: str) -> Iterator[Asked]:
    """Yield the reads of endpoints that need no user of their own, in their order."""
    asks = [
        ask
        for ask in ASKS
        if ask.endpoint.startswith("GET ")
        and ask.by in ("anonymous", "owner")
        and route in ask.endpoint
    ]
    with transaction.atomic():
        found = list(answered(asks)) if asks else []
        transaction.set_rollback(True)
    for one in found:
        by = f"{one.ask.endpoint}{one.ask.query}"
        for statement in one.statements:
            if statement.sql.lstrip().startswith(("SELECT", "WITH")):
                yield Asked(by, statement, one.user_id)


def _lists(route: str, notes: list[str]) -> Iterator[Asked]:
    for combination in combinations():
        if route not in combination.route.path:
            continue
        try:
            found = pages_asked(combination)
        except NoSample as missing:
            notes.append(f"{combination} is not looked at: {missing}.")
            continue
        for name, statement in found.statements.items():
            yield Asked(f"GET {combination}, {name} page", statement, found.user_id)


def counted() -> list[Counted]:
    """Return the reads that the server saw from the serving role, the dearest first.

    Raises:
        psycopg.Error: pg_stat_statements is not there.
    """
    login = connection.settings_dict
    url = make_conninfo(
        host=login["HOST"],
        port=login["PORT"] or None,
        user=login["USER"],
        password=login["PASSWORD"] or None,
        dbname=login["NAME"],
    )
    figures = DatabaseTime(url, login["NAME"])
    try:
        return [one for one in figures.statements() if one.kind == "read"]
    finally:
        figures.close()


def _with_figures(asked: Asked, found: Counted | None) -> Asked:
    return replace(asked, calls=found.calls, ms=found.ms) if found else asked


def _is_dear(one: Counted) -> bool:
    is_dear = one.calls >= MIN_CALLS and one.buffers > CHEAP_BUFFERS * one.calls
    return is_dear and not _NOT_THEIRS.search(one.text)


def shortened(sql: str, chars: int = 160) -> str:
    """Return the beginning of a statement, on one line."""
    text = " ".join(sql.split()).replace('"', "")
    return text if len(text) <= chars else f"{text[:chars]}…"
