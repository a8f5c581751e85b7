"""Clients that read and write at random and record what they saw."""

from __future__ import annotations

import time
from collections import defaultdict, deque
from collections.abc import Callable
from dataclasses import dataclass
from multiprocessing.synchronize import Barrier
from random import Random

from perf.lab.example_requests import HttpRequest, bearer
from perf.lab.harness.http_client import BadResponse, Connection, Response
from perf.lab.harness.processes import START_TIMEOUT_S

from .history import Log, Recorder, Write
from .questions import Question, QuestionMaker
from .rows import slot_of
from .scene import Scene
from .writers import writers_of

# After a failure, so that a server that restarts is not flooded.
PAUSE_S = 0.02
# Shorter than `Retry-After`: the checker wants writers that race.
RETRY_PAUSE_S = 0.1
# Share of conditional requests, where the client has a response already.
CONDITIONAL = 0.3


@dataclass(frozen=True, slots=True)
class Load:
    """The work of the clients.

    Attributes:
        reads: Each client stops after so many; None: never.
        seconds: It stops after so many in any case.
        writes: Share of requests that write.
    """

    ports: list[int]
    clients: int = 8
    reads: int | None = None
    seconds: float = 3600.0
    writes: float = 0.02
    seed: int = 1


class _Memory:
    """What a client knows of a question.

    Attributes:
        numbers: Of responses, by the digest of their content.
        etag: Of the newest response, whose number is `number`.
    """

    def __init__(self, question: Question, token: str | None) -> None:
        self.question = question
        self.headers = {"Accept-Encoding": "gzip", **(bearer(token) if token else {})}
        self.numbers: dict[int, int] = {}
        self.etag, self.number = "", 0


class _Client:
    """One client with a connection to each server."""

    def __init__(self, scene: Scene, load: Load, number: int) -> None:
        self._recorder = Recorder()
        self._load = load
        self._random = Random(f"{load.seed} {number}")  # noqa: S311 - to be repeatable
        self._connections = [Connection(port) for port in load.ports]
        self._tokens: list[str | None] = [owner.token for owner in scene.owners]
        self._maker = QuestionMaker(scene)
        self._questions = self._maker.make_all()
        self._about: defaultdict[str, list[Question]] = defaultdict(list)
        for question in self._questions:
            self._about[question.about].append(question)
        self._weights = [question.weight for question in self._questions]
        self._writers = writers_of(scene, number, load.clients)
        # Comics that come and go, as responses named them: id and slot.
        self._comics: deque[tuple[int, str]] = deque(maxlen=40)
        self._strips = scene.strips
        self._memories: dict[tuple[str, int | None], _Memory] = {}

    def run(self) -> Log:
        """Read and write until the load is done; return the log."""
        stop_at = time.monotonic() + self._load.seconds
        most = self._load.reads if self._load.reads is not None else float("inf")
        reads = self._recorder.log.response
        while len(reads) < most and time.monotonic() < stop_at:
            if self._writers and self._random.random() < self._load.writes:
                questions = self._write()
            else:
                questions = self._choose_questions()
            for question in questions:
                self._read(question)
        for connection in self._connections:
            self._recorder.log.retries += connection.retries
            connection.close()
        return self._recorder.log

    def _choose_questions(self) -> list[Question]:
        if self._comics and self._random.random() < 0.1:
            reader = self._random.choice([None, *range(len(self._tokens))])
            return [self._maker.make_comic(*self._random.choice(self._comics), reader)]
        # Several at once, because choosing by weight takes as long for many as for one.
        return self._random.choices(self._questions, self._weights, k=8)

    def _read(self, question: Question) -> None:
        memory = self._remember(question)
        headers = memory.headers
        if memory.etag and self._random.random() < CONDITIONAL:
            headers = headers | {"If-None-Match": memory.etag}
        request = HttpRequest("GET", question.path, headers)
        connection = self._random.choice(self._connections)
        response = self._try("read", lambda: connection.exchange(request))
        ended = time.monotonic()
        if response is None:
            return
        if response.status == 304:
            # The content of this ETag is still current.
            self._recorder.record_read(memory.number, connection.sent_at, ended)
        elif (number := self._number(memory, response)) is not None:
            self._recorder.record_read(number, connection.sent_at, ended)
            memory.etag, memory.number = response.etag, number

    def _remember(self, question: Question) -> _Memory:
        key = question.path, question.reader
        if (memory := self._memories.get(key)) is None:
            token = None if question.reader is None else self._tokens[question.reader]
            memory = self._memories[key] = _Memory(question, token)
        return memory

    def _number(self, memory: _Memory, response: Response) -> int | None:
        """Return the number of a response; each distinct content is parsed once."""
        content = response.content
        digest = hash((response.status, content))
        if (number := memory.numbers.get(digest)) is not None:
            return number
        observations = memory.question.read_response(response.status, content)
        if observations is None:
            self._record_failure(f"read {response.status}")
            return None
        if "/comics/?" in memory.question.path and response.status == 200:
            self._collect_comics(response)
        memory.numbers[digest] = number = self._recorder.number_response(observations)
        return number

    def _collect_comics(self, response: Response) -> None:
        for card in response.json["results"]:
            comic = card["id"], slot_of(card["title"])
            if card["id"] not in self._strips and comic not in self._comics:
                self._comics.append(comic)

    def _write(self) -> list[Question]:
        """Write; return questions whose responses show the write, to ask at once."""
        writer = self._random.choice(self._writers)
        attempt = writer.make_attempt(self._random)
        if attempt is None:
            self._writers.remove(writer)
            return []
        connection = self._random.choice(self._connections)
        began = time.monotonic()
        response = self._try(
            "write",
            lambda: connection.exchange_with_retries(
                attempt.request, longest_pause_s=RETRY_PAUSE_S
            ),
        )
        ended = time.monotonic()
        if response is not None and response.status < 300:
            data = response.json if response.body else None
            shows = attempt.shows(data)
            # A refused attempt did nothing: the write began with the last one.
            self._recorder.record_write(Write(attempt.row, shows, connection.sent_at, ended))
            writer.on_success(data)
            about = self._about.get(attempt.row, []) + self._random.choices(self._about[""], k=2)
            return self._random.choices(about, k=3)
        self._recorder.record_write(Write(attempt.row, attempt.shows(None), began))
        writer.on_failure()
        if response is not None:
            self._record_failure(f"write {response.status}")
        return []

    def _try(self, kind: str, exchange: Callable[[], Response]) -> Response | None:
        try:
            return exchange()
        except (OSError, BadResponse) as error:
            self._record_failure(f"{kind} {type(error).__name__}")
            return None

    def _record_failure(self, kind: str) -> None:
        self._recorder.record_failure(kind)
        time.sleep(PAUSE_S)


def run_client(gate: Barrier, scene: Scene, load: Load, number: int) -> Log:
    """Run one client and return its log."""
    client = _Client(scene, load, number)
    gate.wait(START_TIMEOUT_S)
    return client.run()
