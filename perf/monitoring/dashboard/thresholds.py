"""Limits of the dashboard that are not in perf/budgets.toml, each with its reason."""

from __future__ import annotations

# Share of the database time without cache that the cache has to avoid.
TARGET_OFFLOAD = 0.7
# Share of the page reads that shared buffers have to serve; below, memory or an index is missing.
TARGET_BUFFER_HITS = 0.99
# Share of the usable connections; beyond, the next server process may get none.
MAX_CONNECTIONS_USED = 0.8
# A request may take 15 s; an older transaction keeps vacuum from its work.
MAX_TRANSACTION_S = 60.0
# Autovacuum begins at 20 %; a table beyond this share is not reached by it.
MAX_DEAD_RATIO = 0.3
# The share says nothing about tables with fewer dead rows.
MIN_DEAD_ROWS = 10_000
# PostgreSQL freezes rows from 200 million transactions on, and stops at 2,000 million.
MAX_TRANSACTION_AGE = 1_000_000_000
# With more lag, readers are sent to the primary (docs/replica.md).
MAX_REPLICA_LAG_S = 10.0
# A slot without consumer fills the disk.
MAX_SLOT_BYTES = 1 << 30
# A deletion that scans this many rows takes some 10 ms.
MAX_UNINDEXED_ROWS = 100_000
# Smaller duplicate indexes cost less than dropping them.
MAX_DUPLICATE_BYTES = 16 << 20
# Reading a smaller table sequentially is cheap.
MIN_SCANNED_ROWS = 10_000
# An index for monthly jobs needs more than a month to show its use.
MIN_UNUSED_DAYS = 30
# Share of the responses that may be 5xx.
MAX_ERROR_RATIO = 0.001
# In fewer measurements, the first requests of each process decide about the 95th percentile.
MIN_MEASUREMENTS = 100
# The first requests of the API fill the cache.
MIN_CACHE_REQUESTS = 1000
# The first reads fill the shared buffers: 256 MB are 1.6 % of them.
MIN_PAGE_READS = 2_000_000
