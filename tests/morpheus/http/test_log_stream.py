"""Standard error that blocks or is closed stops no thread, and no line is torn."""

from __future__ import annotations

import logging
import os
import select
from collections.abc import Callable, Iterator
from typing import Any, TextIO

import pytest
from prometheus_client import REGISTRY

from morpheus.http import log_stream
from morpheus.http.log_stream import LineHandler
from morpheus.tracing import background

LINE = "x" * 200


@pytest.fixture
def handler(monkeypatch: pytest.MonkeyPatch) -> Callable[[TextIO], LineHandler]:
    """Return a function that starts a handler for a stream."""
    monkeypatch.setattr(background, "_running", [])
    monkeypatch.setattr(background, "Finalize", lambda *_, **__: None)
    monkeypatch.setattr(log_stream, "MAX_WAITING", 50)

    def start(stream: TextIO) -> LineHandler:
        started = LineHandler()
        started.setStream(stream)
        started.start()
        return started

    return start


@pytest.fixture
def pipe() -> Iterator[tuple[int, TextIO]]:
    reading, writing = os.pipe()
    with os.fdopen(writing, "w") as stream:
        yield reading, stream
        os.close(reading)


def count_dropped() -> float:
    labels = {"kind": "lines"}
    return REGISTRY.get_sample_value("morpheus_observations_dropped_total", labels) or 0.0


def test_a_stream_that_blocks_holds_back_no_thread_and_drops_are_counted(
    handler: Any, pipe: tuple[int, TextIO]
) -> None:
    reading, stream = pipe
    started = handler(stream)
    before, taken = count_dropped(), 50
    while started._lines.flush(0.2):
        started.write_lines([LINE] * 50)
        taken += 50

    started.write_lines([LINE] * 1000)

    assert count_dropped() - before == 950
    text = b""
    while not started._lines.flush(0.01):
        text += os.read(reading, 1 << 20)
    while select.select([reading], [], [], 0)[0]:
        text += os.read(reading, 1 << 20)
    assert text.decode().splitlines() == [LINE] * taken


def test_a_pipe_gets_whole_lines_in_pieces_that_it_does_not_tear(handler: Any) -> None:
    pieces: list[str] = []

    class Stream:
        def write(self, text: str) -> None:
            pieces.append(text)

        def flush(self) -> None:
            pass

    started = handler(Stream())
    lines = ["é" * 300, "x" * 9000, *[LINE] * 40]
    started.write_lines(lines)
    assert started._lines.flush(10)

    assert "".join(pieces).splitlines() == lines
    assert all(piece.endswith("\n") for piece in pieces)
    assert all(len(piece.encode()) <= select.PIPE_BUF or piece.count("\n") == 1 for piece in pieces)
    assert len(pieces) == 4


def test_a_closed_stream_is_counted_and_raises_nothing(handler: Any, pipe: Any) -> None:
    _, stream = pipe
    started = handler(stream)
    stream.close()
    before = count_dropped()

    started.write_lines([LINE, LINE])
    assert started._lines.flush(10)

    assert count_dropped() - before == 2


def test_other_records_take_their_place_among_the_lines(
    handler: Any, pipe: tuple[int, TextIO]
) -> None:
    reading, stream = pipe
    started = handler(stream)

    started.write_lines(["first"])
    started.handle(logging.makeLogRecord({"msg": "second"}))
    started.write_lines(["third"])
    assert started._lines.flush(10)

    assert os.read(reading, 1000) == b"first\nsecond\nthird\n"
