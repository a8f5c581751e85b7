"""Standard error, written by a thread of its own, so that no request waits for it."""

from __future__ import annotations

import logging
import select
import threading
from collections.abc import Iterable, Iterator
from typing import TextIO

from morpheus.tracing.background import BackgroundQueue
from morpheus.tracing.events import dropped

# Some 300 bytes each: more than two seconds of response cache hits.
MAX_WAITING = 20_000


class LineHandler(logging.StreamHandler[TextIO]):
    """Writes to standard error; in a thread from `start` on."""

    def __init__(self) -> None:
        super().__init__()
        self._lines = BackgroundQueue(
            "log",
            self._write,
            dropped.labels("lines").inc,
            max_waiting=MAX_WAITING,
            interval_s=None,
        )
        # Not the handler's own lock, which a thread that logs takes.
        self._write_lock = threading.Lock()

    def start(self) -> None:
        """Write in a thread of this process from now on."""
        self._lines.start()

    def emit(self, record: logging.LogRecord) -> None:
        """Write a record soon, but after the lines before."""
        try:
            self.write_lines([self.format(record)])
        except Exception:
            self.handleError(record)

    def write_lines(self, lines: Iterable[str]) -> None:
        """Write lines soon, but after those before."""
        for line in lines:
            self._lines.add(f"{line}\n")
        self._lines.wake()

    def _write(self, lines: list[str]) -> None:
        with self._write_lock:
            for count, text in _join(lines):
                try:
                    self.stream.write(text)
                    self.stream.flush()
                except (OSError, ValueError):  # It is closed, or its reader is.
                    dropped.labels("lines").inc(count)


def start() -> None:
    """Write the log in a thread of this process from now on."""
    for handler in find_handlers():
        handler.start()


def find_handlers() -> list[LineHandler]:
    """Return the handlers that write to standard error."""
    return [each for each in logging.getLogger().handlers if isinstance(each, LineHandler)]


def _join(lines: list[str]) -> Iterator[tuple[int, str]]:
    """Yield numbers of lines and their text, as much as a pipe takes in one piece.

    The processes of a server write to the same pipe. It keeps such a piece whole.
    """
    piece: list[str] = []
    size = 0
    for line in lines:
        line_size = len(line) if line.isascii() else len(line.encode(errors="replace"))
        if piece and size + line_size > select.PIPE_BUF:
            yield len(piece), "".join(piece)
            piece, size = [], 0
        piece.append(line)
        size += line_size
    if piece:
        yield len(piece), "".join(piece)
