"""The implementations that are compared."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import Literal

SETTINGS = "perf.lab.peers.stacks.settings"


@dataclass(frozen=True)
class Contestant:
    """One implementation.

    Attributes:
        settings: Module of Django's settings, of a peer on Django.
        has_cache: Whether it caches what it has read.
        has_extras: Of Fastify: a request log, metrics and entity tags.
        is_logged_in: Whether requests carry a token; they go to `OURS_WARM`.
    """

    name: str
    title: str
    settings: str = SETTINGS
    kind: Literal["ours", "drf", "fastify", "bolt"] = "drf"
    has_cache: bool = False
    has_extras: bool = False
    is_logged_in: bool = False


OURS = Contestant("ours", "Morpheus, cache off", kind="ours")
OURS_WARM = Contestant("ours_warm", "Morpheus, warm", kind="ours", has_cache=True)
OURS_LOGGED_IN = Contestant(
    "ours_logged_in", "Morpheus, warm, logged in", kind="ours", has_cache=True, is_logged_in=True
)
DONE_WELL = Contestant("done_well", "DRF done well")
NATURAL = Contestant("natural", "natural DRF")
NATURAL_KEPT = Contestant("natural_kept", "natural, connections kept")
CACHALOT = Contestant("cachalot", "natural, cachalot, warm", has_cache=True)
FASTIFY_BARE = Contestant("fastify_bare", "Fastify, bare", kind="fastify")
FASTIFY_FULL = Contestant("fastify_full", "Fastify, full", kind="fastify", has_extras=True)
FASTIFY_BARE_WARM = Contestant(
    "fastify_bare_warm", "Fastify, bare, warm", kind="fastify", has_cache=True
)
FASTIFY_FULL_WARM = Contestant(
    "fastify_full_warm", "Fastify, full, warm", kind="fastify", has_cache=True, has_extras=True
)
BOLT = Contestant("bolt", "django-bolt", kind="bolt")


@dataclass(frozen=True)
class Pair:
    """A contestant of ours and the one that it is compared with.

    Attributes:
        goals: The least ratio of requests/s, by route.
    """

    ours: Contestant
    theirs: Contestant
    goals: Mapping[str, float] = field(default_factory=dict)


# A large cached response is bytes from Redis and costs no more than in Node. A small response, and
# one without the cache, pay for Python. On Django itself, Morpheus leads. A credential adds less
# than half of a request.
PAIRS = (
    Pair(OURS, DONE_WELL),
    Pair(OURS, NATURAL),
    Pair(OURS, NATURAL_KEPT),
    Pair(OURS, BOLT, {"list": 1.3, "detail": 1.3}),
    Pair(OURS, FASTIFY_FULL, {"list": 0.35, "panels": 0.35, "detail": 0.25, "status": 0.25}),
    Pair(OURS, FASTIFY_BARE),
    Pair(OURS_WARM, CACHALOT),
    Pair(OURS_WARM, FASTIFY_FULL_WARM, {"list": 1, "panels": 1, "detail": 0.7, "status": 0.7}),
    Pair(OURS_WARM, FASTIFY_BARE_WARM),
    Pair(OURS_LOGGED_IN, OURS_WARM, {"list": 0.7, "detail": 0.7}),
)
# What a run can have beside Morpheus. `drf` alone takes nearly all connections of PostgreSQL.
PEERS: dict[str, tuple[Contestant, ...]] = {
    "drf": (DONE_WELL, NATURAL, NATURAL_KEPT, CACHALOT),
    "done_well": (DONE_WELL,),
    "fastify": (FASTIFY_FULL, FASTIFY_BARE, FASTIFY_FULL_WARM, FASTIFY_BARE_WARM),
    "bolt": (BOLT,),
}


def list_contestants(peers: Sequence[str]) -> list[Contestant]:
    """Return Morpheus and these peers, those without a cache first."""
    everyone = [OURS, OURS_WARM, OURS_LOGGED_IN, *(each for name in peers for each in PEERS[name])]
    return sorted(everyone, key=lambda contestant: contestant.has_cache)
