"""The implementations that are compared: each one server process, all on the same rows."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass

from django.conf import settings

from morpheus.embedded.addresses import Addresses
from morpheus.embedded.roles import APP, LOADER
from perf.lab.harness.constant_bytes import CONSTANT_BYTES
from perf.lab.harness.servers import Servers, measured_environment

STACKS = "perf.lab.peers.stacks.wsgi:application"
SETTINGS = "perf.lab.peers.stacks.settings"
# The peers' logical database, after those of Morpheus.
REDIS_DATABASE = 9


@dataclass(frozen=True)
class Contestant:
    """One implementation.

    Attributes:
        settings: Module of Django's settings, of a peer; empty for Morpheus.
        has_cache: Whether it caches what it has read.
    """

    name: str
    title: str
    settings: str = SETTINGS
    has_cache: bool = False


OURS = Contestant("ours", "Morpheus, cache off", settings="")
DONE_WELL = Contestant("done_well", "DRF done well")
NATURAL = Contestant("natural", "natural DRF")
NATURAL_KEPT = Contestant("natural_kept", "natural, connections kept")
OURS_WARM = Contestant("ours_warm", "Morpheus, warm", settings="", has_cache=True)
CACHALOT = Contestant("cachalot", "natural, cachalot, warm", has_cache=True)
CONTESTANTS = (OURS, DONE_WELL, NATURAL, NATURAL_KEPT, OURS_WARM, CACHALOT)
CONSTANT = Contestant("constant", "constant bytes")


def database_url(role: str) -> str:
    """Return the URL of the database that all contestants share."""
    name = settings.DATABASES["default"]["NAME"]
    return Addresses.under(settings.MORPHEUS_VAR).database_url(role, name)


@contextmanager
def running_contestants() -> Iterator[dict[str, Servers]]:
    """Start all contestants and yield the server of each by its name.

    Raises:
        ServerFailed: One of them does not start.
    """
    with ExitStack() as stack:
        yield {each.name: stack.enter_context(_make_server(each)) for each in CONTESTANTS}


def running_constant() -> Servers:
    """Return a server of constant bytes, not started yet."""
    return Servers(1, environment={}, application=CONSTANT_BYTES, probe="/1")


def _make_server(contestant: Contestant) -> Servers:
    if contestant.settings:
        environment = {
            "DJANGO_SETTINGS_MODULE": contestant.settings,
            "BENCH_PEER": contestant.name,
            # Row level security does not restrict the loader.
            "BENCH_DATABASE_URL": database_url(LOADER),
            "BENCH_REDIS_URL": Addresses.under(settings.MORPHEUS_VAR).redis_url(REDIS_DATABASE),
        }
        return Servers(1, environment=environment, application=STACKS, probe="/api/v1/novels/")
    environment = measured_environment(database_url(APP), has_cache=contestant.has_cache)
    # All share a core (perf.lab.harness.measurements), of which each has the whole in its turn.
    return Servers(1, environment=environment | {"MORPHEUS_PIN": "off"})
