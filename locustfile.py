"""Load test: `make load`, or by hand against a running server, with locust's own page:

    .venv/bin/locust --host http://127.0.0.1:8000

The exit code says whether the run kept perf/budgets.toml. perf/lab/load/ defines the users. Nothing
here imports Django or psycopg, which gevent would patch.
"""

from __future__ import annotations

import os
from typing import Any

from locust import LoadTestShape, events

from perf.lab.load.profiles import PROFILES
from perf.lab.load.server_counters import ServerCounters, read_counters
from perf.lab.load.users import (
    REFUSED,
    Author,
    Catalogue,
    Operator,
    Reader,
    SessionReader,
    Stranger,
    Visitor,
)
from perf.lab.load.verdict import RouteResult, find_breaches
from perf.monitoring.budgets import budgets

__all__ = ["Author", "Operator", "Reader", "SessionReader", "Stranger"]

PROFILE = PROFILES[os.environ.get("LOAD_PROFILE", "steady")]

if "LOAD_LOGINS" not in os.environ:
    # A server that `make load` did not start has no accounts to use.
    Reader.abstract = SessionReader.abstract = Author.abstract = True

if PROFILE.stages:

    class Stages(LoadTestShape):
        """The number of users that the profile wants at each moment."""

        def tick(self) -> tuple[int, float] | None:
            elapsed_s = self.get_run_time()  # type: ignore[no-untyped-call]
            for until_s, users in PROFILE.stages:
                if elapsed_s < until_s:
                    return users, PROFILE.spawn_per_s
            return None


_before: dict[str, ServerCounters] = {}


@events.test_start.add_listener  # type: ignore[untyped-decorator]
def read_catalogue(environment: Any, **_: Any) -> None:
    """Read the catalogue once, for all users."""
    Visitor.catalogue = Catalogue(environment.host)
    _before["server"] = read_counters(environment.host)


@events.spawning_complete.add_listener  # type: ignore[untyped-decorator]
def begin_measurement(**_: Any) -> None:
    """Count from the moment when all users have begun, as locust's own statistics do."""
    if not PROFILE.stages:
        _before["server"] = read_counters(Visitor.catalogue.url)


@events.quitting.add_listener  # type: ignore[untyped-decorator]
def judge(environment: Any, **_: Any) -> None:
    """Print the verdict, which is the exit code."""
    entries = environment.stats.entries.values()
    results = [_make_result(entry) for entry in entries if not entry.name.endswith(REFUSED)]
    refused = sum(entry.num_requests for entry in entries if entry.name.endswith(REFUSED))
    counters = None
    if "server" in _before:
        counters = read_counters(environment.host).since(_before["server"])
    slowdown = float(os.environ.get("LOAD_SLOWDOWN", "1"))
    breaches = find_breaches(
        results,
        budgets().routes,
        PROFILE,
        counters,
        min_requests=_min_requests(environment.parsed_options),
        slowdown=slowdown,
    )
    environment.process_exit_code = 1 if breaches else 0
    requests = sum(each.requests for each in results)
    failures = sum(each.failures for each in results)
    print(
        f"\n{requests:,} requests, {failures:,} failed, {refused:,} refused and sent again; "
        f"offload {_describe_offload(counters)}; "
        f"this machine is {slowdown:.2f} times slower than an idle one"
    )
    for breach in breaches:
        print(f"FAIL  {breach}")
    if not breaches:
        print("ok  The run kept its budgets.")


def _describe_offload(counters: ServerCounters | None) -> str:
    if counters is None or counters.offload is None or counters.offload_of_all is None:
        return "unknown"
    return f"{counters.offload:.1%} of reads, {counters.offload_of_all:.1%} with writes"


def _min_requests(options: Any) -> int:
    """Return the requests that the users and seconds of this run must have made."""
    users = options.num_users or PROFILE.users
    seconds = min(int(options.run_time or PROFILE.seconds), PROFILE.seconds)
    # Nothing is counted until the last user has begun.
    seconds -= users // PROFILE.spawn_per_s
    return PROFILE.min_requests(users, seconds)


def _make_result(entry: Any) -> RouteResult:
    p95_ms, p99_ms = (entry.get_response_time_percentile(share) for share in (0.95, 0.99))
    return RouteResult(entry.name, entry.num_requests, entry.num_failures, p95_ms, p99_ms)
