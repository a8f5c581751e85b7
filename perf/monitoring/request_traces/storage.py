"""Stores the newest request traces in Redis for a quarter of an hour.

The store is limited in number, bytes and time. Nothing else depends on it: a Redis that restarts
or evicts keys only loses traces.
"""

from __future__ import annotations

import os
from functools import cache
from typing import Any

import orjson

from morpheus.cache.redis_client import RedisClient

MAX_TRACES = 500
MAX_BYTES = 16 * 1024 * 1024
TTL_S = 15 * 60

# KEYS: the list of summaries, newest first, and the total size of the traces. ARGV: key prefix of
# traces, id, summary, trace, most traces, most bytes, TTL in ms. A list entry is
# `bytes id summary`, so that a removed entry names the trace to delete.
_ADD = """
local size = #ARGV[3] + #ARGV[4]
redis.call('SET', ARGV[1] .. ARGV[2], ARGV[4], 'PX', ARGV[7])
redis.call('LPUSH', KEYS[1], size .. ' ' .. ARGV[2] .. ' ' .. ARGV[3])
local bytes = redis.call('INCRBY', KEYS[2], size)
while redis.call('LLEN', KEYS[1]) > tonumber(ARGV[5]) or bytes > tonumber(ARGV[6]) do
    local oldest = redis.call('RPOP', KEYS[1])
    if not oldest then break end
    local its_size, id = string.match(oldest, '^(%d+) (%S+)')
    redis.call('DEL', ARGV[1] .. id)
    bytes = redis.call('DECRBY', KEYS[2], its_size)
end
redis.call('PEXPIRE', KEYS[1], ARGV[7])
redis.call('PEXPIRE', KEYS[2], ARGV[7])
"""


class TraceStore:
    """The stored traces. Each method raises RedisUnavailable while Redis does not respond."""

    def __init__(
        self, server: RedisClient, *, max_traces: int = MAX_TRACES, max_bytes: int = MAX_BYTES
    ) -> None:
        self._server = server
        self._limits = max_traces, max_bytes

    def add(self, summary: dict[str, Any], trace: bytes) -> None:
        """Store a trace under `summary["id"]`, and delete the oldest ones beyond the limits."""
        arguments = summary["id"], orjson.dumps(summary), trace, *self._limits, TTL_S * 1000
        self._server.run(
            lambda prefix: [
                ("EVAL", _ADD, 2, f"{prefix}heads", f"{prefix}bytes", f"{prefix}r:", *arguments)
            ]
        )

    def summaries(self) -> list[dict[str, Any]]:
        """Return all summaries, newest first; the trace of an old one may have expired."""
        [entries] = self._server.run(lambda prefix: [("LRANGE", f"{prefix}heads", 0, -1)])
        return [orjson.loads(entry.split(b" ", 2)[2]) for entry in entries]

    def trace(self, identifier: str) -> dict[str, Any] | None:
        """Return a trace by its id, or None when it is unknown or expired."""
        [payload] = self._server.run(lambda prefix: [("GET", f"{prefix}r:{identifier}")])
        return None if payload is None else orjson.loads(payload)


@cache
def trace_store() -> TraceStore:
    """Return the store of this process, configured by the settings."""
    return TraceStore(RedisClient.of_cache("explained"))


# A forked process must not use its parent's connections.
os.register_at_fork(after_in_child=trace_store.cache_clear)
