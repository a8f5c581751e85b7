"""Copies of stored values in the memory of this process, checked by one command at each use.

A copy has the versions of its tags, like the value in Redis. It is used only if one MGET returns
these versions, so it is as fresh as the stored value would be. What it saves is the way of the
value through the network, its decompression and its parsing.
"""

from __future__ import annotations

import threading
import time
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from morpheus.cache.redis_client import pack

# Of a process.
MAX_BYTES = 32 * 1024 * 1024
# Larger values would evict many others.
MAX_COPY_BYTES = 128 * 1024
# Bounds what copies add to the TTL of the stored value.
TTL_S = 60.0

# Fixed part of what a copy takes beside its value and tags.
_OVERHEAD_BYTES = 1000


@dataclass(frozen=True, slots=True)
class LocalCopy:
    """A value, and its tags and versions in the protocol of Redis.

    Attributes:
        prefix: Key prefix of the server that the value was stored on.
        tags: Number of tags.
        keys: The tags' keys, as arguments of a packed MGET.
        versions: What MGET replies for them while the value is current.
        expires_at: Of `time.monotonic()`.
    """

    value: Any
    prefix: str
    tags: int
    keys: bytes
    versions: bytes
    size: int
    expires_at: float


class LocalCopies:
    """The copies of one process, by key: at most `max_bytes`, each for `TTL_S`."""

    def __init__(self, *, max_bytes: int = MAX_BYTES) -> None:
        self._max_bytes = max_bytes
        self._copies: dict[str, LocalCopy] = {}
        self._bytes = 0
        self._lock = threading.Lock()

    def get(self, key: str, prefix: str) -> LocalCopy | None:
        """Return the copy of a key from a server; it may be stale."""
        copy = self._copies.get(key)
        if copy is None or copy.prefix != prefix or copy.expires_at < time.monotonic():
            return None
        return copy

    def add(
        self, key: str, value: Any, size: int, versions: Mapping[str, str], prefix: str
    ) -> None:
        """Keep a value with the versions that it was stored under, instead of the oldest ones."""
        if size > MAX_COPY_BYTES:
            return
        keys = pack(*[f"{prefix}t:{tag}" for tag in versions]).partition(b"\r\n")[2]
        replies = pack(*versions.values()).partition(b"\r\n")[2]
        size += len(keys) + len(replies) + _OVERHEAD_BYTES
        expires_at = time.monotonic() + TTL_S
        copy = LocalCopy(value, prefix, len(versions), keys, replies, size, expires_at)
        with self._lock:
            self._remove(key)
            self._copies[key] = copy
            self._bytes += size
            while self._bytes > self._max_bytes:
                self._remove(next(iter(self._copies)))

    def discard(self, key: str) -> None:
        """Drop the copy of a key, if there is one."""
        with self._lock:
            self._remove(key)

    def _remove(self, key: str) -> None:
        if (copy := self._copies.pop(key, None)) is not None:
            self._bytes -= copy.size


def are_current(
    copies: Sequence[LocalCopy], replies_with: Callable[[str, bytes, bytes], bool]
) -> bool:
    """Return whether all tags of copies from one server have their versions: one round trip.

    Args:
        replies_with: `RedisClient.replies_with`.

    Raises:
        RedisUnavailable: As `replies_with`.
    """
    count = sum([copy.tags for copy in copies])
    keys = b"".join([copy.keys for copy in copies])
    versions = b"".join([copy.versions for copy in copies])
    return replies_with(
        copies[0].prefix,
        b"*%d\r\n$4\r\nMGET\r\n%b" % (count + 1, keys),
        b"*%d\r\n%b" % (count, versions),
    )
