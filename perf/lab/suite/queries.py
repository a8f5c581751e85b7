"""Every reading statement of the budgets, as the serving role, on a connection of the pool."""

from __future__ import annotations

from collections.abc import Callable, Iterable
from dataclasses import dataclass, field

from django.db import connection, transaction

from morpheus.db.transactions import write_transaction
from perf.lab.plans.capture import Statement
from perf.lab.plans.explain import explained_read
from perf.lab.plans.requests import answered
from perf.lab.plans.revision import revisions
from perf.lab.suite.timing import Times, reference_ms, timed
from perf.monitoring.budgets import query_name

# Until it is prepared, and its rows are in memory.
WARM_UP = 8


@dataclass
class QueryTimes:
    """The times of one named statement, in the request that made it dearest.

    Attributes:
        buffers: The most that it looks at in any request.
        examined, returned: Rows, of the same execution.
    """

    name: str
    times: Times = field(default_factory=Times)
    buffers: int = -1
    examined: int = 0
    returned: int = 0


def query_times(*, rounds: int, tell: Callable[[str], None]) -> list[QueryTimes]:
    """Execute each named statement so many times, each beside the reference."""
    found: dict[str, QueryTimes] = {}
    with transaction.atomic():
        for one in answered():
            with write_transaction(as_user=one.user_id):
                _time_dearer(one.statements, found, rounds, tell)
        with write_transaction(as_user=None):
            _time_dearer(revisions(), found, rounds, tell)
        transaction.set_rollback(True)
    return list(found.values())


def _time_dearer(
    statements: Iterable[Statement],
    found: dict[str, QueryTimes],
    rounds: int,
    tell: Callable[[str], None],
) -> None:
    """Time those statements of a request that cost more buffers than in all requests before."""
    for statement in statements:
        name = query_name(statement.sql)
        if name is None or not statement.sql.lstrip().startswith(("SELECT", "WITH")):
            continue
        plan = explained_read(statement)
        if name not in found or plan.buffers > found[name].buffers:
            tell(name)
            times = _times(statement, rounds)
            found[name] = QueryTimes(name, times, plan.buffers, plan.examined, plan.returned)


def _times(statement: Statement, rounds: int) -> Times:
    times = Times()

    def run() -> None:
        with connection.cursor() as cursor:
            cursor.execute(statement.sql, statement.params)
            cursor.fetchall()

    for number in range(-WARM_UP, rounds):
        reference = reference_ms()
        ms, _ = timed(run)
        if number >= 0:
            times.add(ms, reference)
    return times
