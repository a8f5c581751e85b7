"""Many clients at once, each with a connection that it keeps, and what became of their requests."""

from __future__ import annotations

import asyncio
import multiprocessing
import time
from collections import Counter
from collections.abc import Sequence
from concurrent.futures import ProcessPoolExecutor
from dataclasses import dataclass, field
from itertools import cycle, islice
from urllib.parse import urlsplit

# Processes that the clients are spread over: they shall not wait for each other.
PROCESSES = 2
# After so many seconds an answer counts as none.
PATIENCE_S = 60


@dataclass
class Outcome:
    """What clients met.

    Attributes:
        ms: The time of each answer with status 200.
        failures: How many other answers and errors there were, by status or name.
    """

    ms: list[float] = field(default_factory=list)
    failures: Counter[str] = field(default_factory=Counter)


def ask(url: str, paths: Sequence[str], *, clients: int, seconds: float) -> Outcome:
    """Have `clients` ask for `paths`, over and over, for so many seconds."""
    shares = [clients // PROCESSES + (index < clients % PROCESSES) for index in range(PROCESSES)]
    # Not forked: a fork would take the caller's database connections along.
    context = multiprocessing.get_context("spawn")
    total = Outcome()
    with ProcessPoolExecutor(PROCESSES, mp_context=context) as processes:
        begun = [processes.submit(_share, url, [*paths], share, seconds) for share in shares]
        for share in begun:
            total.ms += share.result().ms
            total.failures += share.result().failures
    return total


def _share(url: str, paths: list[str], clients: int, seconds: float) -> Outcome:
    return asyncio.run(_all(url, paths, clients, time.monotonic() + seconds))


async def _all(url: str, paths: list[str], clients: int, deadline: float) -> Outcome:
    outcome = Outcome()
    each = (_Client(url, paths, number, outcome).run(deadline) for number in range(clients))
    await asyncio.gather(*each)
    return outcome


class _Client:
    def __init__(self, url: str, paths: list[str], number: int, outcome: Outcome) -> None:
        parts = urlsplit(url)
        self.host, self.port = parts.hostname or "127.0.0.1", parts.port or 80
        # Not all the same one at the same time.
        self.paths = islice(cycle(paths), number % len(paths), None)
        self.outcome = outcome

    async def run(self, deadline: float) -> None:
        """Ask until the deadline; what fails is counted, and a new connection opened."""
        while time.monotonic() < deadline:
            try:
                async with asyncio.timeout(PATIENCE_S):
                    reader, writer = await asyncio.open_connection(self.host, self.port)
                try:
                    while time.monotonic() < deadline:
                        await self._ask_once(reader, writer)
                finally:
                    writer.close()
            except (OSError, EOFError, TimeoutError) as error:
                self.outcome.failures[type(error).__name__] += 1

    async def _ask_once(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        began = time.perf_counter()
        path = next(self.paths)
        writer.write(f"GET {path} HTTP/1.1\r\nHost: {self.host}:{self.port}\r\n\r\n".encode())
        async with asyncio.timeout(PATIENCE_S):
            head = (await reader.readuntil(b"\r\n\r\n")).decode("latin-1").lower()
            length = head.split("content-length:", 1)[1].split("\r\n", 1)[0]
            await reader.readexactly(int(length))
        status = head.split(" ", 2)[1]
        if status == "200":
            self.outcome.ms.append((time.perf_counter() - began) * 1000)
        else:
            self.outcome.failures[status] += 1
