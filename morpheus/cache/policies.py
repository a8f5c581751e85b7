"""What a cache policy says: policies are data, and the engine does the rest."""

from __future__ import annotations

from dataclasses import dataclass


@dataclass(frozen=True)
class CachePolicy:
    """One kind of cached value.

    Attributes:
        name: Part of the key and label of the metrics, like `novels.card`.
        version: Raised when the form of the value changes.
        ttl_s: Longest life; what a crash left stale is healed by then.
        max_bytes: Larger values are not kept.
        lease_s: Of a value that is dear to compute, how long other processes wait for the one that
            computes it; 0 is not at all.
        caches_none: Whether None is cached (negative caching). Off where clients choose arbitrary
            identities: then neither a value nor its tags stay in the server.
        refreshes_incrementally: Whether `load` may refresh a stale value (`read_stale`). The value
            is a pair: the part that is served, and the state that the next refresh needs.
    """

    name: str
    version: int
    ttl_s: int
    max_bytes: int = 256 * 1024
    lease_s: float = 0.0
    caches_none: bool = True
    refreshes_incrementally: bool = False

    def __post_init__(self) -> None:
        if POLICIES.setdefault(self.name, self) is not self:
            raise ValueError(f"There are two policies of the name {self.name}.")

    def key(self, identity: object, reader_id: int | None) -> str:
        """Return what a value is kept under; a private one, under its reader."""
        owner = "" if reader_id is None else f"@{reader_id}"
        return f"{self.name}:v{self.version}:{identity}{owner}"


# TTL of cached absences: None, an empty page, and public answers made of them. Their
# number is bounded by nothing but the rate of requests, because any text is an unknown author.
ABSENT_TTL_S = 60

# By name; each is documented in docs/caching.md.
POLICIES: dict[str, CachePolicy] = {}
