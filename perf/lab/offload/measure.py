"""One mode, from a fresh copy of the database to its figures."""

from __future__ import annotations

from collections import Counter
from contextlib import ExitStack, closing
from dataclasses import dataclass, replace
from typing import Any

from django_redis import get_redis_connection

from perf.lab.harness.databases import copied_database
from perf.lab.harness.metrics import read_metrics
from perf.lab.harness.servers import Servers, measured_environment

from .client import Outcome
from .database_time import DatabaseTime, Statement
from .load import Plan, run
from .preparation import Work, empty_caches

SERVERS = 2
PARTS = 10
OFF, OURS = "off", "ours"
_REDIS = ("keyspace_hits", "keyspace_misses", "evicted_keys")


@dataclass(frozen=True)
class Result:
    """The figures of one mode.

    Attributes:
        parts: Responses and milliseconds of the database after each tenth of the run.
        policies: Cache lookups by policy and outcome.
        redis: Counters of the cache server.
    """

    mode: str
    outcome: Outcome
    seconds: float
    statements: list[Statement]
    parts: list[tuple[int, float]]
    policies: dict[str, Counter[str]]
    redis: dict[str, int]

    def database_ms(self, *kinds: str) -> float:
        """Return the milliseconds of the database, for some kinds of statements or for all."""
        return sum(each.ms for each in self.statements if not kinds or each.kind in kinds)

    def all_ms(self) -> list[float]:
        """Return the milliseconds of all requests."""
        return [ms for values in self.outcome.ms.values() for ms in values]

    @property
    def buffers(self) -> int:
        return sum(each.buffers for each in self.statements)

    @property
    def requests(self) -> int:
        return self.outcome.sent.total()

    @property
    def queries(self) -> int:
        """Statements that read or write rows."""
        return sum(each.calls for each in self.statements if each.kind in ("read", "write"))


def measure_mode(mode: str, work: Work, *, requests: int, warm_up: int = 0) -> Result:
    """Run the sequence in this mode, on servers and a database of its own, with empty caches.

    Args:
        warm_up: Other requests of the same mix, before the measurement; without a cache only the
            writes among them, because its reads leave nothing behind.
    """
    name = f"{work.template}_{mode}"
    empty_caches()
    with ExitStack() as stack:
        url = stack.enter_context(copied_database(work.admin_url, source=work.template, name=name))
        environment = measured_environment(url, has_cache=mode == OURS)
        ports = stack.enter_context(Servers(SERVERS, environment=environment)).ports
        database = stack.enter_context(closing(DatabaseTime(work.admin_url, name)))
        plan = Plan(work.of, work.seed, requests, ports, work.tokens, environment)
        if warm_up:
            others = replace(plan, seed=work.seed + 1, requests=warm_up, only_writes=mode == OFF)
            run(others, watch=lambda responses: None)
        lookups, redis = _count_lookups(ports), _read_redis_counters()
        # Neither the start of the servers nor the warm-up counts.
        database.reset()
        parts = _Parts(database, requests)
        outcome, seconds = run(plan, watch=parts)
        parts.finish()
        return Result(
            mode,
            outcome,
            seconds,
            statements=database.statements(),
            parts=parts.seen,
            policies={
                policy: outcomes - lookups.get(policy, Counter())
                for policy, outcomes in _count_lookups(ports).items()
            },
            redis={key: count - redis[key] for key, count in _read_redis_counters().items()},
        )


class _Parts:
    """Reads the database's time after each tenth of the responses."""

    def __init__(self, database: DatabaseTime, requests: int) -> None:
        self.seen: list[tuple[int, float]] = []
        self._database = database
        self._requests = requests

    def __call__(self, responses: int) -> None:
        due = self._requests * (len(self.seen) + 1)
        if len(self.seen) < PARTS - 1 and responses * PARTS >= due:
            self.seen.append((responses, self._database.total_ms()))

    def finish(self) -> None:
        self.seen.append((self._requests, self._database.total_ms()))


def _count_lookups(ports: list[int]) -> dict[str, Counter[str]]:
    """Return the cache lookups of all servers by policy and outcome."""
    lookups: dict[str, Counter[str]] = {}
    for port in ports:
        for sample in read_metrics(port):
            if sample.name == "morpheus_cache_requests_total":
                outcomes = lookups.setdefault(sample.labels["policy"], Counter())
                outcomes[sample.labels["outcome"]] += int(sample.value)
    return lookups


def _read_redis_counters() -> dict[str, int]:
    counters: dict[str, Any] = get_redis_connection("default").info("stats")
    return {key: int(counters[key]) for key in _REDIS}
