"""Load test: `make load`, or by hand against a running server, with locust's own page:

    .venv/bin/locust --host http://127.0.0.1:8000

The exit code says whether the run kept perf/budgets.toml; who the users are and what they do is in
perf/lab/load/. Nothing here imports Django or psycopg, which gevent would patch.
"""

from __future__ import annotations

import os
from typing import Any

from locust import LoadTestShape, events

from perf.lab.load.account import Account, account
from perf.lab.load.catalogue import Catalogue
from perf.lab.load.profiles import PROFILES
from perf.lab.load.verdict import Demand, Met, breaches
from perf.lab.load.visitors import Author, Operator, Reader, Stranger, Visitor
from perf.monitoring.budgets import budgets

__all__ = ["Author", "Operator", "Reader", "Stranger"]

PROFILE = PROFILES[os.environ.get("LOAD_PROFILE", "standard")]

if "LOAD_TOKENS" not in os.environ:
    # Against a server of somebody else there are no accounts to use.
    Reader.abstract = Author.abstract = True

if PROFILE.stages:

    class Stages(LoadTestShape):
        """As many users as the profile says for the moment."""

        def tick(self) -> tuple[int, float] | None:
            ran_s = self.get_run_time()
            for until_s, users in PROFILE.stages:
                if ran_s < until_s:
                    return users, PROFILE.spawn_per_s
            return None


if "LOAD_CORE" in os.environ:
    os.sched_setaffinity(0, {int(os.environ["LOAD_CORE"])})

_before: dict[str, Account] = {}


@events.test_start.add_listener
def find_out_what_is_there(environment: Any, **_: Any) -> None:
    """Read the catalogue once, for all users."""
    Visitor.catalogue = Catalogue(environment.host)
    _before["server"] = account(environment.host)


@events.spawning_complete.add_listener
def begin_to_count(**_: Any) -> None:
    """Take the server's account from when all users have begun, as all else."""
    if not PROFILE.stages:
        _before["server"] = account(Visitor.catalogue.host)


@events.quitting.add_listener
def judge(environment: Any, **_: Any) -> None:
    """Print the verdict; it is the exit code, whatever locust's own would be."""
    met = [_met(entry) for entry in environment.stats.entries.values()]
    told = None
    if "server" in _before:
        told = account(environment.host).since(_before["server"])
    demand = _demand(environment.parsed_options)
    found = breaches(met, budgets().routes, demand, told)
    environment.process_exit_code = 1 if found else 0
    total = environment.stats.total
    share = "–" if told is None or told.saved is None else f"{told.saved:.1%}"
    print(
        f"\n{total.num_requests:,} requests, {total.num_failures:,} failed, "
        f"{share} of the database's time saved, on a machine {demand.slower:.2f} times slower than "
        "one that is not busy"
    )
    for text in found:
        print(f"  BREACH  {text}")
    print("The run " + ("broke its budgets." if found else "kept its budgets."))


def _demand(options: Any) -> Demand:
    """Return what is demanded of as many users as were asked for, for as long."""
    users = options.num_users or PROFILE.users
    seconds = min(int(options.run_time or PROFILE.seconds), PROFILE.seconds)
    # Until the last has begun nothing is counted.
    seconds -= users // PROFILE.spawn_per_s
    slower = float(os.environ.get("LOAD_SLOWER", "1"))
    return PROFILE.demand(users=users, seconds=seconds, slower=slower)


def _met(entry: Any) -> Met:
    p95_ms, p99_ms = (entry.get_response_time_percentile(share) for share in (0.95, 0.99))
    return Met(entry.name, entry.num_requests, entry.num_failures, p95_ms, p99_ms)
