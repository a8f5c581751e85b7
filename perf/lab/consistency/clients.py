"""Clients read and write at random, and write down what they saw."""

from __future__ import annotations

import json
import time
from collections import defaultdict, deque
from dataclasses import dataclass
from multiprocessing.synchronize import Barrier
from random import Random

from .crowd import START_TIMEOUT_S
from .history import Log, Recorder, Write
from .questions import Asker, Question
from .rows import slot_of
from .scene import Scene
from .wire import Answer, Wire, WireFailed, request_bytes
from .writers import writers_of

# After a failure; a server that restarts is not to be asked thousands of times.
PAUSE_S = 0.02
# Conditional, where the reader has an answer already.
CONDITIONAL = 0.3


@dataclass(frozen=True, slots=True)
class Load:
    """What clients do, and for how long.

    Attributes:
        reads: After so many each client stops; None is never.
        seconds: It stops after so many in any case.
        writes: Share of requests that write.
    """

    ports: list[int]
    clients: int = 8
    reads: int | None = None
    seconds: float = 3600.0
    writes: float = 0.02
    seed: int = 1


class Memory:
    """What a client knows of a question.

    Attributes:
        request: The bytes to send, without condition.
        numbers: Of answers, by the digest of their content.
        etag: Of the newest answer, whose number is `number`; empty if there is none.
    """

    def __init__(self, question: Question, token: str | None) -> None:
        self.question = question
        self.request = request_bytes("GET", question.path, token)
        self.numbers: dict[int, int] = {}
        self.etag, self.number = b"", 0


class Client:
    """One client with a connection to each server."""

    def __init__(self, scene: Scene, load: Load, number: int) -> None:
        self._recorder = Recorder()
        self._load = load
        self._chance = Random(f"{load.seed} {number}")  # noqa: S311 - to be repeatable
        self._wires = [Wire(port) for port in load.ports]
        self._tokens: list[str | None] = [owner.token for owner in scene.owners]
        self._asker = Asker(scene)
        self._questions = self._asker.all()
        self._about: defaultdict[str, list[Question]] = defaultdict(list)
        for question in self._questions:
            self._about[question.about].append(question)
        self._weights = [question.weight for question in self._questions]
        self._writers = writers_of(scene, number, load.clients)
        # Comics that come and go, as met in answers: address and slot.
        self._met: deque[tuple[int, str]] = deque(maxlen=40)
        self._strips = scene.strips
        self._memories: dict[tuple[str, int | None], Memory] = {}

    def run(self) -> Log:
        """Read and write until the load is done; return the log."""
        stop_at = time.monotonic() + self._load.seconds
        most = self._load.reads if self._load.reads is not None else float("inf")
        reads = self._recorder.log.answer
        while len(reads) < most and time.monotonic() < stop_at:
            if self._writers and self._chance.random() < self._load.writes:
                for question in self._write():
                    self._read(question)
            else:
                for question in self._next_questions():
                    self._read(question)
        for wire in self._wires:
            wire.close()
        return self._recorder.log

    def _next_questions(self) -> list[Question]:
        if self._met and self._chance.random() < 0.1:
            reader = self._chance.choice([None, *range(len(self._tokens))])
            return [self._asker.comic(*self._chance.choice(self._met), reader)]
        # Some at a time, because choosing by weight takes as long for many as for one.
        return self._chance.choices(self._questions, self._weights, k=8)

    def _read(self, question: Question) -> None:
        memory = self._memory(question)
        request = memory.request
        if memory.etag and self._chance.random() < CONDITIONAL:
            request = request[:-2] + b"If-None-Match: " + memory.etag + b"\r\n\r\n"
        began = time.monotonic()
        answer = self._ask(request, "read")
        ended = time.monotonic()
        if answer is None:
            return
        if answer.status == 304:
            # What the ETag stands for is still so.
            self._recorder.read(memory.number, began, ended)
        elif (number := self._number(memory, answer)) is not None:
            self._recorder.read(number, began, ended)
            memory.etag, memory.number = answer.etag, number

    def _memory(self, question: Question) -> Memory:
        key = question.path, question.reader
        if (memory := self._memories.get(key)) is None:
            token = None if question.reader is None else self._tokens[question.reader]
            memory = self._memories[key] = Memory(question, token)
        return memory

    def _number(self, memory: Memory, answer: Answer) -> int | None:
        """Return the number of what an answer shows; each content is looked into once."""
        digest = hash((answer.status, answer.body))
        if (number := memory.numbers.get(digest)) is not None:
            return number
        shown = memory.question.shown(answer.status, answer.body)
        if shown is None:
            self._fail(f"read {answer.status}")
            return None
        if "/comics/?" in memory.question.path and answer.status == 200:
            self._meet(answer.body)
        memory.numbers[digest] = number = self._recorder.answer_number(shown)
        return number

    def _meet(self, body: bytes) -> None:
        for card in json.loads(body)["results"]:
            comic = card["id"], slot_of(card["title"])
            if card["id"] not in self._strips and comic not in self._met:
                self._met.append(comic)

    def _write(self) -> list[Question]:
        """Write, and return what to read at once, because that would show it."""
        writer = self._chance.choice(self._writers)
        attempt = writer.attempt(self._chance)
        if attempt is None:
            self._writers.remove(writer)
            return []
        began = time.monotonic()
        answer = self._ask(attempt.request, "write")
        ended = time.monotonic()
        if answer is not None and answer.status < 300:
            data = json.loads(answer.body) if answer.body else None
            self._recorder.write(Write(attempt.row, attempt.shows(data), began, ended))
            writer.succeeded(data)
            about = self._about.get(attempt.row, []) + self._chance.choices(self._about[""], k=2)
            return self._chance.choices(about, k=3)
        self._recorder.write(Write(attempt.row, attempt.shows(None), began))
        writer.failed()
        if answer is not None:
            self._fail(f"write {answer.status}")
        return []

    def _ask(self, request: bytes, kind: str) -> Answer | None:
        try:
            return self._chance.choice(self._wires).ask(request)
        except WireFailed as error:
            self._fail(f"{kind} {error}")
            return None

    def _fail(self, what: str) -> None:
        self._recorder.fail(what)
        time.sleep(PAUSE_S)


def run_client(gate: Barrier, scene: Scene, load: Load, number: int) -> Log:
    client = Client(scene, load, number)
    gate.wait(START_TIMEOUT_S)
    return client.run()
