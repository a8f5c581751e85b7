"""Time every reading statement of the budgets, as the serving role, on a pooled connection."""

from __future__ import annotations

from collections.abc import Iterable

from django.db import connection, transaction
from tqdm import tqdm

from morpheus.db.transactions import write_transaction
from perf.lab.plans.capture import Statement
from perf.lab.plans.explain import explain_read
from perf.lab.plans.recorded_requests import RECORDED, record_requests, record_search_refresh
from perf.lab.suite.timing import Measurement
from perf.monitoring.budgets import query_name

# Until the statement is prepared and its rows are in memory.
WARM_UP = 8

DATABASE = "database"


def time_queries(*, rounds: int) -> list[Measurement]:
    """Time each named statement in the request in which it reads the most buffers."""
    measurements: dict[str, Measurement] = {}

    def time_costlier(statements: Iterable[Statement]) -> None:
        for statement in statements:
            name = query_name(statement.sql)
            if name is None or not statement.is_read:
                continue
            plan = explain_read(statement)
            known = measurements.get(name)
            if known is None or plan.buffers > (known.buffers or 0):
                measurements[name] = Measurement(name, name, DATABASE, plan.buffers)
                _time(statement, measurements[name], rounds)

    with transaction.atomic():
        # On a terminal alone.
        for request in tqdm(
            record_requests(), "statements", len(RECORDED), disable=None, leave=False
        ):
            with write_transaction(as_user=request.user_id):
                time_costlier(request.statements)
        with write_transaction():
            time_costlier(record_search_refresh())
        transaction.set_rollback(True)
    return list(measurements.values())


def _time(statement: Statement, measurement: Measurement, rounds: int) -> None:
    def run() -> None:
        with connection.cursor() as cursor:
            cursor.execute(statement.sql, statement.params)
            cursor.fetchall()

    for _ in range(WARM_UP):
        run()
    for _ in range(rounds):
        measurement.measure(run)
