"""The phases of `make check-cache`: without faults, under each fault, with each sabotage."""

from __future__ import annotations

import time
from collections.abc import Callable, Iterable, Iterator
from dataclasses import dataclass
from functools import partial

from django.db import connection

from morpheus.embedded.supervisor import EmbeddedServices
from perf.lab.harness.servers import MORPHEUS, UNLIMITED, Servers

from .clients import Load
from .database import Size, build_scene
from .faults import Faults
from .run import Outcome, run
from .scene import Scene

# Rows that are hot enough for races within seconds.
HOT = Size(novels=2, strips=1, slots=1)
HOT_WRITES = 0.25
# On a slow machine a race may take several rounds to happen.
ROUNDS = 4
DELAY_S = 0.3
# Of each thousand writes so many kill their server after the commit.
CRASHES_PER_MILLE = {"server-crashed": 30, "no-write-intents": 10}
# Servers log injected faults as errors.
QUIET = {"MORPHEUS_LOG_LEVEL": "CRITICAL"}
SABOTAGED = "perf.lab.consistency.sabotaged_wsgi:application"
# A read may be stale for so long under a fault: docs/caching.md.
BOUND_S = 3.0


@dataclass(frozen=True, slots=True)
class Options:
    """The size of a run.

    Attributes:
        reads: Responses to read without faults, by all clients together.
        seconds: Of each fault and each sabotage.
    """

    reads: int
    seconds: float
    servers: int
    clients: int
    seed: int


@dataclass(frozen=True, slots=True)
class Phase:
    """The outcome of one phase, and whether it is as expected."""

    name: str
    outcome: Outcome
    is_ok: bool


def run_steady(options: Options) -> Phase:
    """Run without faults: no request may fail, and no read be wrong."""
    scene = _make_scene(Size())
    with _make_servers(options, MORPHEUS, {}) as servers:
        each = -(-options.reads // options.clients)
        load = Load(servers.ports, options.clients, reads=each, seed=options.seed)
        outcome = run(scene, load)
    verdict = outcome.verdict
    return Phase("steady", outcome, not verdict.violations and not verdict.failures)


def run_faults(
    options: Options, services: EmbeddedServices, names: Iterable[str]
) -> Iterator[Phase]:
    """Run under each fault: requests may fail, and reads be stale for at most `BOUND_S`."""
    for name in names:
        scene = _make_scene(HOT)
        with _make_servers(options, SABOTAGED, _interference(name) | QUIET) as servers:
            inject = partial(Faults(services, servers, options.seed).inject, name)
            load = _make_short_load(options, servers)
            outcome = run(scene, load, _for_most_of(options.seconds, inject))
        verdict = outcome.verdict
        yield Phase(name, outcome, verdict.worst_s <= BOUND_S and not verdict.is_unexplained)


def run_sabotages(options: Options, names: Iterable[str]) -> Iterator[Phase]:
    """Run with each sabotage, in several rounds if necessary: the checker must report it."""
    for name in names:
        environment = _interference(name) | {"CONSISTENCY_SABOTAGE": name}
        for _ in range(ROUNDS):
            scene = _make_scene(HOT)
            with _make_servers(options, SABOTAGED, environment) as servers:
                outcome = run(scene, _make_short_load(options, servers), servers.revive)
            if outcome.verdict.violations:
                break
        yield Phase(name, outcome, bool(outcome.verdict.violations))


def _make_scene(size: Size) -> Scene:
    """Make the rows; the connection must not stay open while the database restarts."""
    try:
        return build_scene(size)
    finally:
        connection.close()


def _make_servers(options: Options, application: str, environment: dict[str, str]) -> Servers:
    return Servers(options.servers, application=application, environment=UNLIMITED | environment)


def _interference(name: str) -> dict[str, str]:
    crashes = CRASHES_PER_MILLE.get(name, 0) / 1000
    return {"CONSISTENCY_DELAY_S": str(DELAY_S), "CONSISTENCY_CRASHES": str(crashes)}


def _make_short_load(options: Options, servers: Servers) -> Load:
    return Load(
        servers.ports,
        options.clients,
        seconds=options.seconds,
        writes=HOT_WRITES,
        seed=options.seed,
    )


def _for_most_of(seconds: float, inject: Callable[[], None]) -> Callable[[], None]:
    """Return `inject` for the first four fifths of a run; in the rest everything recovers."""
    stop_at: list[float] = []

    def call() -> None:
        if not stop_at:
            stop_at.append(time.monotonic() + seconds * 0.8)
        if time.monotonic() < stop_at[0]:
            inject()

    return call
