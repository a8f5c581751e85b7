"""Deadlines of request bodies and streamed responses: a slow client would hold a thread.

A transfer is overdue when it is `MORPHEUS_TRANSFER_GRACE_S` behind `SLOWEST_BYTES_PER_S`. Python
cannot wake the thread that waits for it, because granian waits in Rust. So a watching thread shuts
the client's connection down, which ends the wait.
"""

from __future__ import annotations

import io
import logging
import threading
import time
from collections.abc import Callable, Iterable, Iterator
from dataclasses import dataclass, field
from typing import Any
from wsgiref.types import InputStream

from django.conf import settings
from prometheus_client import Counter

from morpheus.serving.connections import (
    TOLERANCE_S,
    Direction,
    close_connections,
    close_crowds,
)
from morpheus.serving.listening import BACKLOG

logger = logging.getLogger(__name__)

# Slower than any usual line, and fast enough for 25 MB in half an hour.
SLOWEST_BYTES_PER_S = 16 * 1024
# Bytes of one read: progress is measured in steps of this size.
PIECE_BYTES = 16 * 1024
INTERVAL_S = 1.0

_closed = Counter(
    "morpheus_transfers_closed_total",
    "Connections closed because a request body (in) or a response (out) did not move, or because "
    "their client held many idle ones (idle), by direction.",
    ["direction"],
)


class BodyIncomplete(OSError):
    """A request body ended before its announced length.

    Attributes:
        is_overdue: Whether the server cut it off because it was too slow.
    """

    def __init__(self, is_overdue: bool) -> None:
        super().__init__("The request body was too slow." if is_overdue else "It broke off.")
        self.is_overdue = is_overdue


@dataclass(eq=False)
class Transfer:
    """One body on its way to or from a client.

    Attributes:
        peer: Address of the other end of the connection.
        is_closed: Whether its connection was closed because it was overdue.
    """

    direction: Direction
    peer: str
    moved_bytes: int = 0
    is_closed: bool = False
    started_at: float = field(default_factory=time.monotonic)

    def age_s(self) -> float:
        """Return the seconds since the start."""
        return time.monotonic() - self.started_at

    def is_overdue(self) -> bool:
        """Tell whether it is slower than the transfer of any honest client."""
        needed_s = (self.moved_bytes + PIECE_BYTES) / SLOWEST_BYTES_PER_S
        grace_s: float = settings.MORPHEUS_TRANSFER_GRACE_S
        return self.age_s() > grace_s + needed_s

    def may_share_fate(self, other: Transfer) -> bool:
        """Tell whether closing the other's connection may close this one's instead."""
        is_alike = self.direction == other.direction and self.peer == other.peer
        return is_alike and self.age_s() >= other.age_s() - TOLERANCE_S


class Transfers:
    """The transfers of this process, and the thread that ends overdue ones."""

    def __init__(self) -> None:
        self._lock = threading.Lock()
        self._active: set[Transfer] = set()

    def begin(self, transfer: Transfer) -> None:
        """Watch a transfer from now on."""
        with self._lock:
            self._active.add(transfer)

    def end(self, transfer: Transfer) -> None:
        """Stop watching; a second time is no error."""
        with self._lock:
            self._active.discard(transfer)

    def close_overdue(self) -> None:
        """Shut down the connections of overdue transfers."""
        with self._lock:
            overdue = [each for each in self._active if each.is_overdue()]
            for each in self._active:
                # Before its thread wakes up and reads this.
                each.is_closed |= any(each.may_share_fate(other) for other in overdue)
        for transfer in overdue:
            age_s = transfer.age_s()
            closed = close_connections(
                transfer.direction,
                transfer.peer,
                age_s,
                all_silent=age_s > 2 * settings.MORPHEUS_TRANSFER_GRACE_S,
            )
            _closed.labels(transfer.direction).inc(closed)

    def start(self) -> None:
        """Start the watching thread of this process."""
        threading.Thread(target=self._watch, name="transfers", daemon=True).start()

    def _watch(self) -> None:
        while True:
            time.sleep(INTERVAL_S)
            try:
                self.close_overdue()
                # A proxy has many connections for many clients.
                if not settings.MORPHEUS_TRUSTED_PROXIES:
                    _closed.labels("idle").inc(close_crowds(BACKLOG))
            except Exception:
                logger.exception("Overdue transfers could not be closed.")


transfers = Transfers()


class IncomingBody(io.BufferedReader):
    """A `wsgi.input` that arrives whole and in time, or raises BodyIncomplete.

    granian returns a part of the body if the client breaks off, and Django would take that part of
    an upload for the whole.
    """

    def __init__(self, stream: InputStream, length: int, peer: str) -> None:
        super().__init__(_RawBody(stream, length, peer), PIECE_BYTES)


class _RawBody(io.RawIOBase):
    def __init__(self, stream: InputStream, length: int, peer: str) -> None:
        self._stream = stream
        self._left = length
        self._peer = peer
        self._transfer: Transfer | None = None

    def readable(self) -> bool:
        return True

    def readinto(self, buffer: Any, /) -> int:
        # The clock runs from the first read to the last, so it excludes the application's own work
        # before the first read.
        if self._transfer is None:
            self._transfer = Transfer("in", self._peer)
            transfers.begin(self._transfer)
        size = min(len(buffer), self._left, PIECE_BYTES)
        piece = self._stream.read(size) if size else b""
        buffer[: len(piece)] = piece
        self._left -= len(piece)
        self._transfer.moved_bytes += len(piece)
        if len(piece) < size:
            self._left = 0
        if not self._left:
            transfers.end(self._transfer)
        if len(piece) < size:
            raise BodyIncomplete(self._transfer.is_closed)
        return len(piece)

    def close(self) -> None:
        """Stop watching a body that will not be read to its end."""
        if self._transfer is not None:
            transfers.end(self._transfer)
        super().close()


@dataclass(eq=False)
class OutgoingBody:
    """A streamed response that its client has to take in time.

    Attributes:
        piece_bytes: Size of the pieces in which it is sent.
        on_close: Called when it is closed for the first time.
    """

    chunks: Iterable[bytes]
    peer: str
    piece_bytes: int
    on_close: Callable[[], None] | None = None

    def __post_init__(self) -> None:
        self._transfer = Transfer("out", self.peer)

    def __iter__(self) -> Iterator[bytes]:
        transfers.begin(self._transfer)
        try:
            piece = bytearray()
            for chunk in self.chunks:
                piece += chunk
                if len(piece) >= self.piece_bytes:
                    yield self._count(piece)
                    piece.clear()
            if piece:
                yield self._count(piece)
        finally:
            transfers.end(self._transfer)

    def _count(self, piece: bytearray) -> bytes:
        self._transfer.moved_bytes += len(piece)
        return bytes(piece)

    def close(self) -> None:
        """Close the source of the chunks."""
        transfers.end(self._transfer)
        on_close, self.on_close = self.on_close, None
        try:
            close: Any = getattr(self.chunks, "close", None)
            if close is not None:
                close()
        finally:
            if on_close is not None:
                on_close()
