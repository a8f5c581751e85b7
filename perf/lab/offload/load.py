"""The load: 16 threads, each a client with a connection of its own, and one worker."""

from __future__ import annotations

import time
from collections.abc import Callable, Iterator, Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass

from novels.services import status_advance, upload_parse
from perf.lab.harness.databases import close_connections

from .client import MixClient, Outcome
from .mix import draw_sequence
from .requests import MixRequest
from .subjects import Subjects

# Half as many connections as two servers have threads.
CLIENTS = 16


@dataclass(frozen=True)
class Plan:
    """The requests of a run.

    Attributes:
        requests: Of all clients together.
        only_writes: Skip the reads.
        ports: Of the servers; clients take them in turn.
    """

    of: Subjects
    seed: int
    requests: int
    ports: Sequence[int]
    tokens: Mapping[int, str]
    only_writes: bool = False

    def requests_of(self, client: int) -> Iterator[MixRequest]:
        """Yield the requests of one client."""
        count = self.requests // CLIENTS + (client < self.requests % CLIENTS)
        for request in draw_sequence(self.of, seed=self.seed, client=client, count=count):
            if request.is_write or not self.only_writes:
                yield request


def run(plan: Plan) -> tuple[Outcome, float]:
    """Send all requests; return the outcome and the seconds.

    The worker's steps use the database of this process, which must be that of the servers.
    """
    # One thread, as a worker has, and one connection.
    with ThreadPoolExecutor(1) as worker, ThreadPoolExecutor(CLIENTS) as threads:

        def run_step(name: str, *arguments: str) -> None:
            worker.submit(_STEPS[name], *map(int, arguments)).result()

        ports = [plan.ports[number % len(plan.ports)] for number in range(CLIENTS)]
        clients = [MixClient(port, plan.tokens, run_step) for port in ports]
        began = time.perf_counter()
        list(threads.map(MixClient.run, clients, map(plan.requests_of, range(CLIENTS))))
        seconds = time.perf_counter() - began
        worker.submit(close_connections).result()
    whole = Outcome()
    for client in clients:
        whole.add(client.outcome)
    return whole, seconds


def _advance(novel_id: int, owner_id: int, percent: int) -> None:
    """Write one step of a parse."""
    status_advance(novel_id=novel_id, owner_id=owner_id, stage="reading", progress=percent)


def _parse(novel_id: int, owner_id: int) -> None:
    """Parse an upload from start to end."""
    upload_parse(novel_id=novel_id, owner_id=owner_id, given=["title"])


_STEPS: dict[str, Callable[..., None]] = {"advance": _advance, "parse": _parse}
