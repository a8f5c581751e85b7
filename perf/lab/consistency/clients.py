"""Clients that read and write at random and record what they saw."""

from __future__ import annotations

import time
from collections.abc import Callable
from contextlib import suppress
from dataclasses import dataclass
from multiprocessing.synchronize import Barrier
from random import Random
from typing import Any

from morpheus.embedded.processes import die_with_parent
from perf.lab.example_requests import HttpRequest
from perf.lab.harness.http_client import BadResponse, Connection, Response

from .history import UNKNOWN, Log, Write
from .logins import PublishedLogins, make_reads
from .reads import Read, ReadMaker
from .scene import Owner, Scene, slot_of
from .writers import Attempt, Writer, make_writers

CLIENTS = 8
START_TIMEOUT_S = 60.0
# After a failure, so that a server that restarts is not flooded.
PAUSE_S = 0.02
# Shorter than `Retry-After`: the checker wants writers that race.
RETRY_PAUSE_S = 0.1
# Share of conditional requests, where the client has a response already.
CONDITIONAL = 0.3
# Reads of comics that come and go, each by its id: the newest.
COMICS_MAX = 120
# Share of draws that read with a login that will end, or has ended: the newest.
OF_LOGINS = 0.25
LOGINS_MAX = 8
# Seconds after which a client learns of new logins.
LOGINS_S = 0.05
# Reads of one draw, because choosing by weight takes as long for many as for one.
DRAWN = 8


@dataclass(frozen=True, slots=True)
class Load:
    """The work of the clients.

    Attributes:
        reads: Each client stops after so many; None: never.
        seconds: It stops after so many in any case.
        writes: Share of requests that write.
        pause_s: Between two rounds of a client, to leave the server to others.
    """

    ports: list[int]
    clients: int = CLIENTS
    reads: int | None = None
    seconds: float = 3600.0
    writes: float = 0.02
    pause_s: float = 0.0


class _Client:
    """One client with a connection to each server."""

    def __init__(self, scene: Scene, load: Load, number: int, published: PublishedLogins) -> None:
        self._scene, self._load, self._published = scene, load, published
        self._log = Log()
        self._random = Random(number)  # noqa: S311 - to be repeatable
        self._connections = [Connection(port) for port in load.ports]
        self._maker = ReadMaker(scene)
        self._reads = self._maker.make_all()
        self._weights = [read.weight for read in self._reads]
        self._lists = [read for read in self._reads if not read.about]
        self._attempts: dict[Writer, Attempt] = {}
        for writer in make_writers(scene, number, load.clients, self._random):
            self._continue(writer, None)
        # Comics that come and go, as responses named them: id, slot and reader.
        self._comics: dict[tuple[int, str, Owner | None], Read] = {}
        # Reads with logins that end, by their rows.
        self._logins: dict[str, list[Read]] = {}
        self._learn_at = 0.0

    def run(self) -> Log:
        """Read and write until the load is done; return the log."""
        stop_at = time.monotonic() + self._load.seconds
        most = self._load.reads if self._load.reads is not None else float("inf")
        log = self._log
        while len(log.response) < most and time.monotonic() < stop_at:
            if time.monotonic() >= self._learn_at:
                self._learn_logins()
            if self._attempts and self._random.random() < self._load.writes:
                reads = self._write()
            else:
                reads = self._choose_reads()
            for read in reads:
                self._read(read)
            if self._load.pause_s:
                time.sleep(self._load.pause_s)
        for connection in self._connections:
            log.retries += connection.retries
            connection.close()
        return log

    def _choose_reads(self) -> list[Read]:
        if self._comics and self._random.random() < 0.1:
            return [self._random.choice(list(self._comics.values()))]
        if self._logins and self._random.random() < OF_LOGINS:
            reads = self._random.choice(list(self._logins.values()))
            return self._random.choices(reads, [read.weight for read in reads], k=DRAWN)
        return self._random.choices(self._reads, self._weights, k=DRAWN)

    def _learn_logins(self) -> None:
        """Add reads with new logins; go on with the newest that have ended."""
        self._learn_at = time.monotonic() + LOGINS_S
        logins = self._published.read()
        for login in logins:
            if login.row not in self._logins:
                others = {each.novel_id for each in logins if each.user_id != login.user_id}
                self._logins[login.row] = make_reads(self._maker, login, others)
        for oldest in list(self._logins)[:-LOGINS_MAX]:
            del self._logins[oldest]

    def _read(self, read: Read) -> None:
        headers = {"Accept-Encoding": "gzip", **self._random.choice(read.credentials)}
        if read.etag and self._random.random() < CONDITIONAL:
            headers = headers | {"If-None-Match": read.etag}
        request = HttpRequest("GET", read.path, headers)
        connection = self._random.choice(self._connections)
        response = self._try("read", lambda: connection.exchange(request))
        ended = time.monotonic()
        if response is None:
            return
        if response.status == 304:
            # The content of this ETag is still current.
            self._log.record_read(read.number, connection.sent_at, ended)
        elif (number := self._number(read, response)) is not None:
            self._log.record_read(number, connection.sent_at, ended)
            read.etag, read.number = response.etag, number

    def _number(self, read: Read, response: Response) -> int | None:
        """Return the number of a response; each distinct content is parsed once."""
        content = response.content
        digest = hash((response.status, content))
        if digest in read.numbers:
            return read.numbers[digest]
        observations = read.parse_response(response.status, content)
        if observations is None:
            self._record_failure(f"read {response.status}")
            return None
        if "/comics/?" in read.path and response.status == 200:
            self._collect_comics(response)
        number = read.numbers[digest] = self._log.number_response(observations)
        return number

    def _collect_comics(self, response: Response) -> None:
        """Read the comics that come and go, as all readers, but not all that were ever listed."""
        for card in response.json["results"]:
            if card["id"] in self._scene.strips:
                continue
            for reader in (None, *self._scene.owners):
                comic = card["id"], slot_of(card["title"]), reader
                if comic not in self._comics:
                    self._comics[comic] = self._maker.make_comic(*comic)
        for oldest in list(self._comics)[:-COMICS_MAX]:
            del self._comics[oldest]

    def _write(self) -> list[Read]:
        """Write; return reads that show the write, to send at once."""
        writer, attempt = self._random.choice(list(self._attempts.items()))
        connection = self._random.choice(self._connections)
        began = time.monotonic()
        response = self._try(
            "write",
            lambda: connection.exchange_with_retries(
                attempt.request, longest_pause_s=RETRY_PAUSE_S
            ),
        )
        ended = time.monotonic()
        if response is None or response.status >= 300:
            self._log.writes.append(Write(attempt.row, attempt.shows, began))
            self._continue(writer, None)
            if response is not None:
                self._record_failure(f"write {response.status}")
            return []
        data = response.json if response.body else {}
        new_id = str(data.get("id"))
        shows = {view.replace(UNKNOWN, new_id): value for view, value in attempt.shows.items()}
        # A refused attempt did nothing: the write began with the last one.
        self._log.writes.append(Write(attempt.row, shows, connection.sent_at, ended))
        self._continue(writer, data)
        about = [read for read in self._reads if read.about == attempt.row]
        return self._random.choices(about + self._random.choices(self._lists, k=2), k=3)

    def _continue(self, writer: Writer, data: Any) -> None:
        """Give a writer the response, and get its next attempt, unless it was the last."""
        self._attempts.pop(writer, None)
        with suppress(StopIteration):
            self._attempts[writer] = writer.send(data)

    def _try(self, kind: str, exchange: Callable[[], Response]) -> Response | None:
        try:
            return exchange()
        except (OSError, BadResponse) as error:
            self._record_failure(f"{kind} {type(error).__name__}")
            return None

    def _record_failure(self, kind: str) -> None:
        self._log.failures[kind] += 1
        time.sleep(PAUSE_S)


def begin_together(gate: Barrier) -> None:
    """Prepare a client process, and wait until all of them are ready."""
    die_with_parent()
    gate.wait(START_TIMEOUT_S)


def run_client(scene: Scene, load: Load, number: int, published: PublishedLogins) -> Log:
    """Run one client and return its log."""
    return _Client(scene, load, number, published).run()
