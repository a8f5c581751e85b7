"""One mode from a fresh copy of the database to its figures."""

from __future__ import annotations

import os
from collections import Counter
from contextlib import ExitStack, closing
from dataclasses import dataclass, replace
from typing import Any

from django.conf import settings
from django_redis import get_redis_connection

from .database_time import DatabaseTime, Statement
from .databases import copy
from .load import Plan, run
from .modes import Mode
from .prepared import Work, empty_caches
from .servers import cache_requests, servers
from .visitor import Outcome

SERVERS = 2
PARTS = 10
_REDIS = ("keyspace_hits", "keyspace_misses", "evicted_keys")


@dataclass(frozen=True)
class Result:
    """The figures of one mode.

    Attributes:
        parts: Answers and milliseconds of the database after each tenth of the run.
        policies: The cache's requests by policy and outcome.
        redis: What the cache server counted meanwhile.
    """

    mode: Mode
    outcome: Outcome
    seconds: float
    statements: list[Statement]
    parts: list[tuple[int, float]]
    policies: dict[str, Counter[str]]
    redis: dict[str, int]

    def database_ms(self, *kinds: str) -> float:
        """Return the milliseconds of the database, of some kinds of statements or of all."""
        return sum(one.ms for one in self.statements if not kinds or one.kind in kinds)

    def buffers(self) -> int:
        """Return the pages that the database looked at."""
        return sum(one.buffers for one in self.statements)

    @property
    def requests(self) -> int:
        return sum(self.outcome.sent.values())

    @property
    def errors(self) -> int:
        return sum(self.outcome.errors.values())

    @property
    def queries(self) -> int:
        """Statements that read or write rows."""
        return sum(one.calls for one in self.statements if one.kind in ("read", "write"))


def measured(mode: Mode, work: Work, *, requests: int, warm_up: int = 0) -> Result:
    """Run the sequence in this mode, on servers and a database of its own.

    Caches are empty at first; `warm_up` other requests of the same mix are made before it counts,
    of which only those that write leave something behind where nothing is kept.
    """
    name = work.copy_name(mode.name)
    empty_caches()
    with ExitStack() as stack:
        url = stack.enter_context(copy(work.admin_url, of=work.template, name=name))
        environment = mode.environment(os.environ, url)
        ports = stack.enter_context(servers(environment, count=SERVERS))
        database = stack.enter_context(closing(DatabaseTime(work.admin_url, name)))
        plan = Plan(
            work.of,
            seed=work.seed,
            requests=requests,
            ports=ports,
            tokens=work.tokens,
            environment=environment,
            folder=str(settings.BASE_DIR),
        )
        if warm_up:
            others = replace(plan, seed=work.seed + 1, requests=warm_up, only_writes=not mode.keeps)
            run(others, watch=lambda answered: None)
        policies_before, redis_before = cache_requests(ports), _redis_counts()
        # Neither what the servers' start cost nor what came before is asked for.
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
                name: outcomes - policies_before.get(name, Counter())
                for name, outcomes in cache_requests(ports).items()
            },
            redis={key: count - redis_before[key] for key, count in _redis_counts().items()},
        )


class _Parts:
    """Looks at the database's time after each tenth of the answers."""

    def __init__(self, database: DatabaseTime, requests: int) -> None:
        self.seen: list[tuple[int, float]] = []
        self._database = database
        self._requests = requests

    def __call__(self, answered: int) -> None:
        if len(self.seen) < PARTS - 1 and answered * PARTS >= self._requests * (len(self.seen) + 1):
            self.seen.append((answered, self._database.total_ms()))

    def finish(self) -> None:
        self.seen.append((self._requests, self._database.total_ms()))


def _redis_counts() -> dict[str, int]:
    said: dict[str, Any] = get_redis_connection("default").info("stats")
    return {key: int(said[key]) for key in _REDIS}
