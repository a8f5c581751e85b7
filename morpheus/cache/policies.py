"""Cache policies: the data that describes each kind of cached value."""

from __future__ import annotations

from dataclasses import dataclass

# TTL of absent values: None, an empty page, and responses that include one. Clients choose their
# number, because any text is an unknown author.
ABSENT_TTL_S = 60

# By name. docs/caching.md has a line for each.
POLICIES: dict[str, CachePolicy] = {}


@dataclass(frozen=True)
class CachePolicy:
    """One kind of cached value.

    Attributes:
        name: Part of the key and label of the metrics, like `novels.card`.
        version: Raise it when the format of the value changes.
        ttl_s: TTL; it bounds how long a value can stay stale after a crash.
        max_bytes: Larger values are not cached.
        lease_s: For costly values, how long other processes wait for the one that computes it
            (cross-process single-flight); 0 disables it.
        caches_none: Whether None is cached (negative caching). Off where clients choose arbitrary
            identities: then neither a value nor its tags stay in Redis.
        refreshes_incrementally: Whether `load` may refresh a stale value (`read_stale`). The value
            is a pair: the part that is served, and the state that the next refresh needs.
        may_drift: Whether a value is a hint that changes do not invalidate. It is not verified,
            and no response shows it.
    """

    name: str
    version: int
    ttl_s: int
    max_bytes: int = 256 * 1024
    lease_s: float = 0.0
    caches_none: bool = True
    refreshes_incrementally: bool = False
    may_drift: bool = False

    def __post_init__(self) -> None:
        if POLICIES.setdefault(self.name, self) is not self:
            raise ValueError(f"Two cache policies have the name {self.name}.")

    def key(self, identity: object, reader_id: int | None) -> str:
        """Return the key of a value; a private value's key contains its reader."""
        owner = "" if reader_id is None else f"@{reader_id}"
        return f"{self.name}:v{self.version}:{identity}{owner}"
