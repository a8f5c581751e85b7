"""The load: two processes of eight threads, each a client with a connection of its own."""

from __future__ import annotations

import os
import threading
import time
from collections.abc import Callable, Iterator, Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from multiprocessing.synchronize import Barrier

from perf.lab.harness.processes import START_TIMEOUT_S, ProcessGroup

from .client import MixClient, Outcome
from .mix import draw_sequence
from .requests import MixRequest
from .subjects import Subjects

PROCESSES = 2
# Together half as many connections as two servers have threads.
THREADS = 8
CLIENTS = PROCESSES * THREADS


@dataclass(frozen=True)
class Plan:
    """What is run.

    Attributes:
        requests: Of all clients together.
        only_writes: Skip the reads.
        ports: Of the servers; clients take them in turn.
        environment: Of the process that performs the worker's steps.
    """

    of: Subjects
    seed: int
    requests: int
    ports: Sequence[int]
    tokens: Mapping[int, str]
    environment: Mapping[str, str]
    only_writes: bool = False

    def requests_of(self, client: int) -> Iterator[MixRequest]:
        """Yield the requests of one client."""
        count = self.requests // CLIENTS + (client < self.requests % CLIENTS)
        for request in draw_sequence(self.of, seed=self.seed, client=client, count=count):
            if request.is_write or not self.only_writes:
                yield request


def run(plan: Plan) -> tuple[Outcome, float]:
    """Send all requests; return the outcome and the seconds.

    Raises:
        ProcessFailed: A process of the load ended early.
    """
    group, whole = ProcessGroup(PROCESSES), Outcome()
    running = [group.start(_run_clients, plan, number) for number in range(PROCESSES)]
    group.release()
    began = time.perf_counter()
    for process in running:
        whole.add(process.result())
    return whole, time.perf_counter() - began


def _run_clients(gate: Barrier, plan: Plan, number: int) -> Outcome:
    """Run the clients of one process."""
    os.environ.update(plan.environment)
    import django

    django.setup()
    from perf.lab.harness.databases import close_connections

    # One thread, as a worker has, and one connection.
    with ThreadPoolExecutor(1) as worker:
        # Connect before the measurement begins.
        worker.submit(_connect).result()

        def run_step(name: str, *arguments: str) -> None:
            worker.submit(_STEPS[name], *map(int, arguments)).result()

        clients = {
            index: MixClient(plan.ports[index % len(plan.ports)], plan.tokens, run_step)
            for index in range(number * THREADS, (number + 1) * THREADS)
        }
        threads = [
            threading.Thread(target=client.run, args=[plan.requests_of(index)])
            for index, client in clients.items()
        ]
        gate.wait(START_TIMEOUT_S)
        for thread in threads:
            thread.start()
        for thread in threads:
            thread.join()
        worker.submit(close_connections).result()
    whole = Outcome()
    for client in clients.values():
        whole.add(client.outcome)
    return whole


def _connect() -> None:
    from django.db import connection

    connection.ensure_connection()


def _advance(novel_id: int, owner_id: int, percent: int) -> None:
    """Write one step of a parse."""
    from novels.services import status_advance

    status_advance(novel_id=novel_id, owner_id=owner_id, stage="reading", progress=percent)


def _parse(novel_id: int, owner_id: int) -> None:
    """Parse an upload from start to end."""
    from novels.services import upload_parse

    upload_parse(novel_id=novel_id, owner_id=owner_id, given=["title"])


_STEPS: dict[str, Callable[..., None]] = {"advance": _advance, "parse": _parse}
