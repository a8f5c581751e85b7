"""The implementations that are compared: each one server process, all on the same rows."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass
from pathlib import Path

from perf.lab.harness.constant_bytes import CONSTANT_BYTES
from perf.lab.harness.servers import Servers, measured_environment

STACKS = "perf.lab.peers.stacks.wsgi:application"
SETTINGS = "perf.lab.peers.stacks.settings"


@dataclass(frozen=True)
class Contestant:
    """One implementation.

    Attributes:
        settings: Module of Django's settings, of a peer; empty for Morpheus.
        has_cache: Whether it caches what it has read.
    """

    name: str
    title: str
    settings: str = ""
    has_cache: bool = False


OURS = Contestant("ours", "Morpheus, cache off")
DONE_WELL = Contestant("done_well", "DRF done well", f"{SETTINGS}.done_well")
NATURAL = Contestant("natural", "natural DRF", f"{SETTINGS}.natural")
NATURAL_KEPT = Contestant("natural_kept", "natural, connections kept", f"{SETTINGS}.natural_kept")
OURS_WARM = Contestant("ours_warm", "Morpheus, warm", has_cache=True)
CACHALOT = Contestant("cachalot", "natural, cachalot, warm", f"{SETTINGS}.cachalot", has_cache=True)
CONTESTANTS = (OURS, DONE_WELL, NATURAL, NATURAL_KEPT, OURS_WARM, CACHALOT)
CONSTANT = Contestant("constant", "constant bytes")


@dataclass(frozen=True)
class Backends:
    """The database and the cache server that all contestants share.

    Attributes:
        database_url: For the serving role, which row level security restricts.
        peer_database_url: For a role that bypasses row level security.
        redis_url: A logical database that only the peers use.
        redis_socket: Of the same server.
    """

    database_url: str
    peer_database_url: str
    redis_url: str
    redis_socket: Path


@contextmanager
def running_contestants(backends: Backends) -> Iterator[dict[str, Servers]]:
    """Start all contestants and yield the server of each by its name.

    Raises:
        ServerFailed: One of them does not start.
    """
    with ExitStack() as stack:
        yield {
            contestant.name: stack.enter_context(_make_server(contestant, backends))
            for contestant in CONTESTANTS
        }


def running_constant() -> Servers:
    """Return a server of constant bytes, not started yet."""
    return Servers(1, environment={}, application=CONSTANT_BYTES, probe="/1")


def _make_server(contestant: Contestant, backends: Backends) -> Servers:
    if contestant.settings:
        return Servers(
            1,
            environment=_peer_environment(contestant, backends),
            application=STACKS,
            probe="/api/v1/novels/",
        )
    environment = measured_environment(backends.database_url, has_cache=contestant.has_cache)
    # All share a core (perf.lab.harness.measurements), of which each has the whole in its turn.
    return Servers(1, environment=environment | {"MORPHEUS_PIN": "off"})


def _peer_environment(contestant: Contestant, backends: Backends) -> Mapping[str, str]:
    return {
        "DJANGO_SETTINGS_MODULE": contestant.settings,
        "BENCH_DATABASE_URL": backends.peer_database_url,
        "BENCH_REDIS_URL": backends.redis_url,
    }
