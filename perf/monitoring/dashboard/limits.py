"""What the pages judge by: the budgets, and what no budget says."""

from __future__ import annotations

from perf.monitoring.budgets import budgets

# Of the database time that there would be without the cache, the part that it has to avoid.
WANTED_OFFLOAD = 0.7
# Pages that PostgreSQL should find in its own memory; below, memory or an index is missing.
WANTED_HIT_RATIO = 0.99
# Of the usable connections; beyond, the next server process may find none.
CONNECTIONS_FILL = 0.8
# A request may take 15 s; who holds a transaction for longer keeps vacuum from its work.
TRANSACTION_S = 60.0
# Autovacuum begins at 20 %; a table that is above it by half as much is not reached by it.
DEAD_RATIO = 0.3
# Below this many dead rows their part says nothing.
DEAD_ROWS = 10_000
# PostgreSQL begins to freeze at 200 million, whatever else it does, and stops at 2,000 million.
TRANSACTION_AGE = 1_000_000_000
# Readers are sent to the primary by then: each asks for what it wrote (docs/replica.md).
REPLICA_LAG_S = 10.0
# A slot whose follower is gone fills the disk.
SLOT_BYTES = 1 << 30
# An index may be as large again as a new one: that is how it is after years of random inserts.
BLOAT_RATIO = 0.5
BLOAT_BYTES = 64 << 20
# A deletion that reads so many rows of a table without an index takes some 10 ms.
UNINDEXED_ROWS = 100_000
# Below this an index too many costs less than dropping it.
DUPLICATE_BYTES = 16 << 20
# Before a month with its first and last day is over, an index may still have its use.
UNUSED_DAYS = 30
# Answers of 500 and above, among all of a route.
ERROR_RATIO = 0.001
# Fewer measurements have no 95th percentile to speak of.
MEASUREMENTS = 20


def route_p95_ms(route: str) -> float | None:
    """Return the budget of a route, None for what is no route of the API."""
    budget = budgets().routes.get(route)
    return budget.p95_ms if budget else None


def kind_ms(kind: str) -> float | None:
    """Return what a statement of this kind may take; None for one that has no limit."""
    return budgets().kinds_ms.get(kind)
