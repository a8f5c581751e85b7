"""How many users for how long, and what is demanded of the run."""

from __future__ import annotations

from dataclasses import dataclass

from perf.lab.load.verdict import Demand

# Requests a second that one user makes, at the least, when nobody has to wait.
PACE = 0.5
# And where more of them come than can be served at once.
WAITING_PACE = 0.1


@dataclass(frozen=True, slots=True)
class Profile:
    """A kind of run.

    Attributes:
        spawn_per_s: Users who begin in a second; until the last has, nothing is counted.
        stages: Users at a time, of a run whose number changes: (until second, users).
        faults: What is done to services meanwhile, in turn (`perf.lab.consistency.faults`).
        max_failures: As in `Demand`.
    """

    users: int
    seconds: int
    spawn_per_s: int = 20
    stages: tuple[tuple[int, int], ...] = ()
    faults: tuple[str, ...] = ()
    max_failures: int = 0
    min_offload: float | None = 0.7
    are_times_judged: bool = True

    def demand(self, *, users: int, seconds: int, slower: float = 1.0) -> Demand:
        """Return what is demanded of so many users for so long, on a machine as slow as said."""
        pace = PACE if self.are_times_judged else WAITING_PACE
        return Demand(
            min_requests=max(1, int(users * seconds * pace)),
            max_failures=self.max_failures,
            min_offload=self.min_offload,
            are_times_judged=self.are_times_judged,
            slower=slower,
        )


PROFILES = {
    "standard": Profile(users=100, seconds=60),
    # More than two cores can serve at once: they wait, and nobody is refused.
    "thousand": Profile(users=1000, seconds=60, spawn_per_s=50, are_times_judged=False),
    "spike": Profile(
        users=500,
        seconds=90,
        stages=((30, 50), (50, 500), (90, 50)),
        spawn_per_s=100,
        are_times_judged=False,
    ),
    "soak": Profile(users=60, seconds=1800),
    # Each restart of the database may cost every thread of the server one request.
    "faults": Profile(
        users=60,
        seconds=90,
        faults=("cache-stalled", "cache-emptied", "database-restarted", "cache-flushed"),
        max_failures=16,
        min_offload=None,
        are_times_judged=False,
    ),
}
