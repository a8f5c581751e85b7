"""The phases of `make check-cache`: without faults, under each fault, with each sabotage."""

from __future__ import annotations

import multiprocessing
import time
from collections.abc import Callable
from concurrent.futures import ProcessPoolExecutor, ThreadPoolExecutor
from pathlib import Path
from tempfile import TemporaryDirectory
from threading import Event
from typing import NamedTuple

from django.db import connection

from morpheus.embedded.supervisor import EmbeddedServices
from perf.lab.harness.servers import UNLIMITED, Servers

from .check import Verdict, check
from .clients import CLIENTS, START_TIMEOUT_S, Load, begin_together, run_client
from .database import Size, build_scene, run_direct
from .faults import Faults
from .history import Log
from .logins import PublishedLogins
from .members import run_members
from .scene import Scene

# Spawned, not forked: the parent has threads and connections of its own.
SPAWN = multiprocessing.get_context("spawn")
POLL_S = 0.1
# Rows that are hot enough for races within seconds.
HOT = Size(novels=2, strips=1, slots=1)
HOT_WRITES = 0.25
# On a slow machine a race may take several rounds to happen.
ROUNDS = 4
DELAY_S = 0.3
# Of each thousand writes so many kill their server after the commit.
CRASHES_PER_MILLE = {"server-crashed": 30, "no-write-intents": 10}
SERVERS = 2
# Without a line for each of a million requests.
ENVIRONMENT = UNLIMITED | {"MORPHEUS_LOG_REQUESTS": "off"}
SABOTAGED = "perf.lab.consistency.sabotaged_wsgi:application"
# The mechanism that each sabotage removes; docs/caching.md says why it is necessary.
SABOTAGES = ("no-write-intents", "late-versions", "late-invalidation", "unchecked-logins")
# A read may be stale for so long under a fault: docs/caching.md.
BOUND_S = 3.0
# Faults are injected for this share of a run; in the rest everything recovers.
FAULTY = 0.8


class Phase(NamedTuple):
    """The verdict of one phase, and whether it is as expected."""

    name: str
    verdict: Verdict
    is_ok: bool


class PhaseRunner(NamedTuple):
    """Runs phases of one size.

    Attributes:
        reads: Responses to read without faults, by all clients together.
        seconds: Of each fault and each sabotage.
    """

    services: EmbeddedServices
    reads: int
    seconds: float

    def run_steady(self) -> Phase:
        """Run without faults: no request may fail, and no read be wrong."""
        with Servers(SERVERS, environment=ENVIRONMENT) as servers:
            load = Load(servers.ports, reads=-(-self.reads // CLIENTS))
            verdict = run(build_scene(Size()), load)
        return Phase("steady", verdict, not verdict.violations and not verdict.failures)

    def run_fault(self, name: str) -> Phase:
        """Run under a fault: requests may fail, and reads be stale for at most `BOUND_S`."""
        verdict = self._run_hot(name, fault=name)
        return Phase(name, verdict, verdict.worst_s <= BOUND_S and not verdict.is_unexplained)

    def run_sabotage(self, name: str) -> Phase:
        """Run with a sabotage, in several rounds if necessary: the checker must report it."""
        for _ in range(ROUNDS):
            verdict = self._run_hot(name, sabotage=name)
            if verdict.violations:
                break
        return Phase(name, verdict, bool(verdict.violations))

    def _run_hot(self, name: str, *, sabotage: str = "", fault: str = "") -> Verdict:
        environment = ENVIRONMENT | {
            # Servers log injected faults, and the effects of sabotages, as errors.
            "MORPHEUS_LOG_LEVEL": "CRITICAL",
            "CONSISTENCY_SABOTAGE": sabotage,
            "CONSISTENCY_DELAY_S": str(DELAY_S),
            "CONSISTENCY_CRASHES": str(CRASHES_PER_MILLE.get(name, 0) / 1000),
        }
        with Servers(SERVERS, application=SABOTAGED, environment=environment) as servers:
            faults = Faults(self.services, servers)

            def interfere(elapsed_s: float) -> None:
                if not fault:
                    servers.revive()
                elif elapsed_s < self.seconds * FAULTY:
                    faults.inject(fault)

            load = Load(servers.ports, seconds=self.seconds, writes=HOT_WRITES)
            return run(build_scene(HOT), load, interfere)


def run(
    scene: Scene,
    load: Load,
    interfere: Callable[[float], None] | None = None,
    *,
    is_alone: bool = True,
) -> Verdict:
    """Run clients that read and write, then check all that they read.

    `interfere` is called repeatedly, with the seconds since the beginning.
    The scene must be new: its rows are in their first states. `is_alone` is that of `check`; then
    there is no worker either.

    Raises:
        BrokenExecutor, BrokenBarrierError: A client process died; its output says why.
    """
    # It must not stay open while the database restarts.
    connection.close()
    gate, stop = SPAWN.Barrier(load.clients + 1), Event()
    with (
        TemporaryDirectory() as folder,
        ProcessPoolExecutor(load.clients, SPAWN, begin_together, (gate,)) as processes,
        ThreadPoolExecutor(2) as threads,
    ):
        published = PublishedLogins(Path(folder))
        clients = [
            processes.submit(run_client, scene, load, number, published)
            for number in range(load.clients)
        ]
        try:
            gate.wait(START_TIMEOUT_S)
            direct = [
                threads.submit(run_direct, scene, load.ports if is_alone else [], stop),
                threads.submit(run_members, load.ports, published, stop),
            ]
            began = time.monotonic()
            while not all(client.done() for client in clients):
                if interfere is not None:
                    interfere(time.monotonic() - began)
                time.sleep(POLL_S)
            logs = [client.result() for client in clients]
        except BaseException:
            for process in multiprocessing.active_children():
                process.terminate()
            raise
        finally:
            stop.set()
    logs += [thread.result() for thread in direct]
    return check([Log(writes=scene.first_writes()), *logs], is_alone=is_alone)
