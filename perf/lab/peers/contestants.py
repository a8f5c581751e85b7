"""Who is measured: each a server process of the same kind, on the same rows."""

from __future__ import annotations

import os
from collections.abc import Iterator, Mapping
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass
from pathlib import Path

from perf.lab.offload.modes import OFF, OURS
from perf.lab.offload.servers import MORPHEUS, servers

PEERS = "perf.lab.peers.stacks.wsgi:application"


@dataclass(frozen=True)
class Contestant:
    """One way to answer.

    Attributes:
        settings: Module of Django's settings, of a peer; ours have modes.
        is_cached: Whether it keeps what it has read.
    """

    name: str
    title: str
    settings: str = ""
    is_cached: bool = False


OURS_UNCACHED = Contestant("ours", "Morpheus, cache off")
DONE_WELL = Contestant("done_well", "DRF done well", "perf.lab.peers.stacks.settings.done_well")
NATURAL = Contestant("natural", "natural DRF", "perf.lab.peers.stacks.settings.natural")
NATURAL_KEPT = Contestant(
    "natural_kept", "natural, connections kept", "perf.lab.peers.stacks.settings.natural_kept"
)
OURS_WARM = Contestant("ours_warm", "Morpheus, warm", is_cached=True)
CACHALOT = Contestant(
    "cachalot", "natural, cachalot, warm", "perf.lab.peers.stacks.settings.cachalot", is_cached=True
)
CONTESTANTS = (OURS_UNCACHED, DONE_WELL, NATURAL, NATURAL_KEPT, OURS_WARM, CACHALOT)


@dataclass(frozen=True)
class Place:
    """Where rows and cached values are.

    Attributes:
        database_url: For the role that serves; row level security holds for it.
        peer_database_url: For a role that passes by it.
        redis_url: Of a logical database that nobody else uses.
        redis_socket: Of the same server.
    """

    database_url: str
    peer_database_url: str
    redis_url: str
    redis_socket: Path


@contextmanager
def started(place: Place) -> Iterator[dict[str, int]]:
    """Start all, and yield the port of each by its name; then stop them.

    Raises:
        ServerFailed: One of them does not start.
    """
    with ExitStack() as stack:
        ports = {}
        for one in CONTESTANTS:
            application, probe = (PEERS, "/api/v1/novels/") if one.settings else (MORPHEUS, "")
            running = servers(
                _environment(one, place), count=1, application=application, probe=probe
            )
            [ports[one.name]] = stack.enter_context(running)
        yield ports


def _environment(one: Contestant, place: Place) -> Mapping[str, str]:
    if not one.settings:
        mode = OURS if one.is_cached else OFF
        # All share a core (perf.lab.harness.pinning), of which each has the whole in its turn.
        return mode.environment(os.environ, place.database_url) | {"MORPHEUS_PIN": "off"}
    return {
        **os.environ,
        "DJANGO_SETTINGS_MODULE": one.settings,
        "BENCH_DATABASE_URL": place.peer_database_url,
        "BENCH_REDIS_URL": place.redis_url,
    }
