"""Where records of requests are kept: the newest ones, for a quarter of an hour, in Redis.

Bounded by number, by bytes and by time. Nothing here is needed for anything else: an emptied
server, or one that restarts, loses records and no more.
"""

from __future__ import annotations

import os
from functools import cache
from typing import Any

import orjson
from django.conf import settings

from morpheus.cache.circuit_breaker import circuit_breaker_for
from morpheus.cache.redis_client import RedisClient

MAX_RECORDS = 500
MAX_BYTES = 16 * 1024 * 1024
TTL_S = 15 * 60

# KEYS: the list of heads, newest first, and the number of bytes of their records. ARGV: prefix of
# records, id, head, record, most records, most bytes, milliseconds to live. A head is kept as
# `bytes id head`, so that the record goes with it.
_KEEP = """
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


class Ring:
    """The records; each has an id that we made and nobody can choose."""

    def __init__(
        self, server: RedisClient, *, max_records: int = MAX_RECORDS, max_bytes: int = MAX_BYTES
    ) -> None:
        self._server = server
        self._max = max_records, max_bytes

    def keep(self, head: dict[str, Any], record: bytes) -> None:
        """Keep a record under `head["id"]`, and drop the oldest that are too many.

        Raises:
            RedisUnavailable: The server did not answer.
        """
        arguments = head["id"], orjson.dumps(head), record, *self._max, TTL_S * 1000
        self._server.run(
            lambda prefix: [
                ("EVAL", _KEEP, 2, f"{prefix}heads", f"{prefix}bytes", f"{prefix}r:", *arguments)
            ]
        )

    def heads(self) -> list[dict[str, Any]]:
        """Return the heads of what is kept, newest first; of some, the record may be over.

        Raises:
            RedisUnavailable: The server did not answer.
        """
        [found] = self._server.run(lambda prefix: [("LRANGE", f"{prefix}heads", 0, -1)])
        return [orjson.loads(head.split(b" ", 2)[2]) for head in found]

    def record(self, identifier: str) -> dict[str, Any] | None:
        """Return the record of this id, None if it is over or never was.

        Raises:
            RedisUnavailable: The server did not answer.
        """
        [found] = self._server.run(lambda prefix: [("GET", f"{prefix}r:{identifier}")])
        return None if found is None else orjson.loads(found)


@cache
def ring() -> Ring:
    """Return this process' ring, made of the settings."""
    url = settings.CACHES["explained"]["LOCATION"]
    return Ring(RedisClient(url, timeout_s=0.25, breaker=circuit_breaker_for(url)))


# A fork must not use its parent's connections.
os.register_at_fork(after_in_child=ring.cache_clear)
