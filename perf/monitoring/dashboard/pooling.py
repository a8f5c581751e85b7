"""The connection pools of the server's processes."""

from __future__ import annotations

from dataclasses import dataclass

from perf.monitoring.dashboard.metrics import Samples

_PREFIX = "morpheus_db_pool_"


@dataclass(frozen=True, slots=True)
class PoolUse:
    """The pools of one database alias, of all processes together.

    Attributes:
        most: Connections that they may have.
        waiting: Threads that wait for a connection at this moment.
        timeouts: Requests that waited in vain.
        wait_s: Time that threads waited, all together.
    """

    alias: str
    most: float
    size: float
    in_use: float
    waiting: float
    requests: float
    queued: float
    timeouts: float
    lost: float
    wait_s: float

    @property
    def fill(self) -> float | None:
        return self.in_use / self.most if self.most else None

    @property
    def mean_wait_ms(self) -> float | None:
        return self.wait_s / self.queued * 1000 if self.queued else None


def pools(found: Samples) -> list[PoolUse]:
    """Return the pools by alias; empty before the first connection."""
    names = (
        *("size_limit", "size", "in_use", "waiting"),
        *("requests_total", "queued_total", "timeouts_total", "lost_total", "wait_seconds_total"),
    )
    sums = {name: found.sums(_PREFIX + name, "alias") for name in names}
    return [
        PoolUse(alias, *(sums[name].get((alias,), 0) for name in names))
        for (alias,) in sorted(sums["size_limit"])
    ]
