"""One mode, from a fresh copy of the database to its figures."""

from __future__ import annotations

from contextlib import ExitStack, closing
from dataclasses import dataclass, replace
from typing import Any

from django.test import override_settings
from django_redis import get_redis_connection

from perf.lab.harness.databases import copied_database, switched_database
from perf.lab.harness.servers import Servers, measured_environment

from .client import Outcome
from .database_time import DatabaseTime, Statement
from .load import Plan, run
from .preparation import Work, empty_caches

SERVERS = 2
OFF, OURS = "off", "ours"


@dataclass(frozen=True)
class Result:
    """The figures of one mode; `redis` has counters of the cache server."""

    mode: str
    outcome: Outcome
    seconds: float
    statements: list[Statement]
    redis: dict[str, int]

    def database_ms(self, *kinds: str) -> float:
        """Return the milliseconds of the database, for some kinds of statements or for all."""
        return sum(each.ms for each in self.statements if not kinds or each.kind in kinds)


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
        has_cache = mode == OURS
        environment = measured_environment(url, has_cache=has_cache)
        stack.enter_context(switched_database(name))
        stack.enter_context(override_settings(MORPHEUS_CACHE=has_cache))
        ports = stack.enter_context(Servers(SERVERS, environment=environment)).ports
        database = stack.enter_context(closing(DatabaseTime(work.admin_url, name)))
        plan = Plan(work.of, work.seed, requests, ports, work.tokens)
        if warm_up:
            run(replace(plan, seed=work.seed + 1, requests=warm_up, only_writes=mode == OFF))
        redis = _read_redis_counters()
        # Neither the start of the servers nor the warm-up counts.
        database.reset()
        outcome, seconds = run(plan)
        redis = {key: count - redis[key] for key, count in _read_redis_counters().items()}
        return Result(mode, outcome, seconds, database.statements(), redis)


def _read_redis_counters() -> dict[str, int]:
    counters: dict[str, Any] = get_redis_connection("default").info("stats")
    return {key: int(counters[key]) for key in ("keyspace_hits", "keyspace_misses", "evicted_keys")}
