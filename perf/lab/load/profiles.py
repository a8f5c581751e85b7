"""Load profiles: how many users for how long, and the requirements for the run."""

from __future__ import annotations

from dataclasses import dataclass

# Requests per second of one user, at the least, while the server keeps up.
PACE = 0.5
# The same with more users than the server can serve at once.
QUEUED_PACE = 0.1


@dataclass(frozen=True, slots=True)
class Profile:
    """A kind of run.

    Attributes:
        spawn_per_s: New users in one second; nothing is counted until the last one has begun.
        stages: Users over time, where their number changes: (until second, users).
        faults: Names of injected faults, in turn (`perf.lab.consistency.faults`).
        max_failures: Of all requests: connection errors and unexpected statuses.
        min_offload: Share of the reads' database time that the cache must save; None: any.
        judges_times: Whether routes must keep their p95 and p99.
    """

    users: int
    seconds: int
    spawn_per_s: int = 20
    stages: tuple[tuple[int, int], ...] = ()
    faults: tuple[str, ...] = ()
    max_failures: int = 0
    min_offload: float | None = 0.7
    judges_times: bool = True

    def min_requests(self, users: int, seconds: int) -> int:
        """Return the requests of so many users; fewer mean that users waited."""
        return max(1, int(users * seconds * (PACE if self.judges_times else QUEUED_PACE)))


PROFILES = {
    "steady": Profile(users=100, seconds=60),
    # More than two cores can serve at once: users wait, but none gives up.
    "thousand": Profile(users=1000, seconds=60, spawn_per_s=50, judges_times=False),
    "spike": Profile(
        users=500,
        seconds=90,
        stages=((30, 50), (50, 500), (90, 50)),
        spawn_per_s=100,
        judges_times=False,
    ),
    # `make soak`. Of an hour's faults, four restart the database, as in the next profile.
    "soak": Profile(users=60, seconds=3600, max_failures=64, min_offload=None, judges_times=False),
    # Each restart of the database may cost every thread of the server one request.
    "faults": Profile(
        users=60,
        seconds=90,
        faults=("cache-stalled", "cache-emptied", "database-restarted", "cache-flushed"),
        max_failures=16,
        min_offload=None,
        judges_times=False,
    ),
}
