"""What `make check-cache` runs: without faults, under each fault, and with each sabotage."""

from __future__ import annotations

import time
from collections.abc import Callable, Iterable, Iterator
from dataclasses import dataclass
from functools import partial

from django.db import connection

from morpheus.embedded.supervisor import EmbeddedServices

from .clients import Load
from .faults import Faults
from .run import Outcome, run
from .scene import Scene, Size, build
from .servers import Servers

# Rows that are hot enough for races within seconds.
HOT = Size(novels=2, strips=1, slots=1)
HOT_WRITES = 0.25
# On a slow machine races take their time.
ROUNDS = 4
DELAY_S = 0.3
# Of each thousand writes so many kill their server after the commit.
DEATHS_PER_MILLE = {"server-dies": 30, "no-marks": 10}
NO_LIMITS = {"MORPHEUS_THROTTLE_WRITES_PER_MINUTE": "1000000000"}
# What servers say of faults that were made on purpose.
QUIET = {"MORPHEUS_LOG_LEVEL": "CRITICAL"}
MEDDLED = "perf.lab.consistency.sabotaged_wsgi:application"


@dataclass(frozen=True, slots=True)
class Options:
    """How much is done.

    Attributes:
        reads: Answers to read without faults, by all clients together.
        seconds: Of each fault and each sabotage.
        bound_s: What a read may be behind under a fault, by docs/caching.md.
    """

    reads: int
    seconds: float
    servers: int
    clients: int
    seed: int
    bound_s: float


@dataclass(frozen=True, slots=True)
class Row:
    """One line of the report; `is_good` is what the exit code says."""

    name: str
    outcome: Outcome
    is_good: bool


def _scene(size: Size) -> Scene:
    """Make the rows; the connection does not wait through a database's restart."""
    try:
        return build(size)
    finally:
        connection.close()


def steady(options: Options) -> Row:
    """Run without faults: nothing may fail, and nothing be wrong."""
    scene = _scene(Size())
    with _servers(options, "morpheus.wsgi:application", {}) as servers:
        each = -(-options.reads // options.clients)
        load = Load(servers.ports, options.clients, reads=each, seed=options.seed)
        outcome = run(scene, load)
    verdict = outcome.verdict
    return Row("steady", outcome, not verdict.violations and not verdict.failures)


def under_faults(options: Options, services: EmbeddedServices, names: list[str]) -> Iterator[Row]:
    """Run under each fault: requests may fail, and reads be behind for as long as is stated."""
    for name in names:
        scene = _scene(HOT)
        with _servers(options, MEDDLED, _meddling(name) | QUIET) as servers:
            make = partial(Faults(services, servers, options.seed).make, name)
            outcome = run(scene, _short(options, servers), _until(options.seconds, make))
        verdict = outcome.verdict
        is_bounded = verdict.worst_s <= options.bound_s and not verdict.is_unexplained
        yield Row(name, outcome, is_bounded)


def sabotaged(options: Options, names: Iterable[str]) -> Iterator[Row]:
    """Run with each sabotage, which the checker has to find, if need be in several rounds."""
    for name in names:
        environment = _meddling(name) | {"CONSISTENCY_SABOTAGE": name}
        for _ in range(ROUNDS):
            scene = _scene(HOT)
            with _servers(options, MEDDLED, environment) as servers:
                outcome = run(scene, _short(options, servers), servers.revive)
            if outcome.verdict.violations:
                break
        yield Row(name, outcome, bool(outcome.verdict.violations))


def _servers(options: Options, application: str, environment: dict[str, str]) -> Servers:
    return Servers(options.servers, application=application, environment=NO_LIMITS | environment)


def _meddling(name: str) -> dict[str, str]:
    deaths = DEATHS_PER_MILLE.get(name, 0) / 1000
    return {"CONSISTENCY_DELAY_S": str(DELAY_S), "CONSISTENCY_DEATHS": str(deaths)}


def _short(options: Options, servers: Servers) -> Load:
    return Load(
        servers.ports,
        options.clients,
        seconds=options.seconds,
        writes=HOT_WRITES,
        seed=options.seed,
    )


def _until(seconds: float, make: Callable[[], None]) -> Callable[[], None]:
    """Return `make` for the first four fifths of a run; in the rest everything recovers."""
    began: list[float] = []

    def call() -> None:
        began.append(time.monotonic())
        if began[-1] < began[0] + seconds * 0.8:
            make()

    return call
