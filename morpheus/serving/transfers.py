"""Request bodies and streamed responses that must keep moving: a slow client holds a thread.

A transfer is overdue when it is `MORPHEUS_TRANSFER_GRACE_S` behind `SLOWEST_BYTES_PER_S`.
The thread that waits for it cannot be woken in Python, because granian waits in Rust. So a watching
thread shuts the client's connection down, which ends the wait.
"""

from __future__ import annotations

import logging
import threading
import time
from collections.abc import Iterable, Iterator
from typing import Any, Protocol

from django.conf import settings
from prometheus_client import Counter

from morpheus.serving.connections import (
    INCOMING,
    OUTGOING,
    TOLERANCE_S,
    Direction,
    close_connections,
    close_crowds,
)
from morpheus.serving.listening import BACKLOG

logger = logging.getLogger(__name__)

# Slower than any line that people use, and fast enough that 25 MB end within half an hour.
SLOWEST_BYTES_PER_S = 16 * 1024
# Reads wait for so much at once: progress is seen in steps of this size.
PIECE_BYTES = 16 * 1024
INTERVAL_S = 1.0

_closed = Counter(
    "morpheus_transfers_closed_total",
    "Connections closed because a request body (in) or a response (out) did not move, or because "
    "their client held many and sent nothing (idle), by direction.",
    ["direction"],
)


class BodyIncomplete(OSError):
    """A request body ended before its announced length.

    Attributes:
        is_overdue: Whether it was cut off because it came too slowly.
    """

    def __init__(self, is_overdue: bool) -> None:
        super().__init__("The request body came too slowly." if is_overdue else "It broke off.")
        self.is_overdue = is_overdue


class Transfer:
    """One body on its way to or from a client.

    Attributes:
        peer: Address of the other end of the connection.
        moved_bytes: What has passed so far.
        is_closed: Whether its connection was closed because it was overdue.
    """

    def __init__(self, direction: Direction, peer: str) -> None:
        self.direction = direction
        self.peer = peer
        self.moved_bytes = 0
        self.started_at = time.monotonic()
        self.is_closed = False

    def age_s(self) -> float:
        """Return the seconds since it began."""
        return time.monotonic() - self.started_at

    def is_overdue(self) -> bool:
        """Tell whether it is slower than any honest client."""
        needed_s = (self.moved_bytes + PIECE_BYTES) / SLOWEST_BYTES_PER_S
        grace_s: float = settings.MORPHEUS_TRANSFER_GRACE_S
        return self.age_s() > grace_s + needed_s

    def may_share_fate(self, other: Transfer) -> bool:
        """Tell whether this one's connection may be closed for the other's."""
        is_alike = self.direction == other.direction and self.peer == other.peer
        return is_alike and self.age_s() >= other.age_s() - TOLERANCE_S


class Transfers:
    """The transfers of this process, and the thread that ends those that are overdue."""

    def __init__(self) -> None:
        self._lock = threading.Lock()
        self._active: set[Transfer] = set()

    def begin(self, transfer: Transfer) -> None:
        """Watch over a transfer from now on."""
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
                # Before its thread wakes up and asks why.
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
        """Look for overdue transfers from now on, in a thread of this process."""
        threading.Thread(target=self._watch, name="transfers", daemon=True).start()

    def _watch(self) -> None:
        while True:
            time.sleep(INTERVAL_S)
            try:
                self.close_overdue()
                # A proxy holds many connections, for many clients.
                if not settings.MORPHEUS_TRUSTED_PROXIES:
                    _closed.labels("idle").inc(close_crowds(BACKLOG))
            except Exception:
                logger.exception("Overdue transfers could not be ended.")


transfers = Transfers()


class Stream(Protocol):
    """What granian gives as `wsgi.input`."""

    def read(self, size: int, /) -> bytes: ...


class IncomingBody:
    """A `wsgi.input` that arrives whole and in time, or raises an error.

    granian returns what came when a client breaks off, and Django takes a part of an upload for
    the whole.
    """

    def __init__(self, stream: Stream, length: int, peer: str) -> None:
        self._stream = stream
        self._left = length
        self._peer = peer
        self._lines = b""
        self._transfer: Transfer | None = None

    def read(self, size: int = -1) -> bytes:
        """Return `size` bytes, fewer only at the end of the body; all of it if `size` is negative.

        Raises:
            BodyIncomplete: The client broke off, or was too slow.
        """
        wanted = self._left + len(self._lines) if size is None or size < 0 else size
        pieces, self._lines = [self._lines[:wanted]], self._lines[wanted:]
        wanted = min(wanted - len(pieces[0]), self._left)
        while wanted > 0:
            piece = self._receive(min(wanted, PIECE_BYTES))
            wanted -= len(piece)
            pieces.append(piece)
        return b"".join(pieces)

    def readline(self, size: int = -1) -> bytes:
        """Return up to the next line end, at most `size` bytes.

        Raises:
            BodyIncomplete: The client broke off, or was too slow.
        """
        while b"\n" not in self._lines and self._left and not 0 <= size <= len(self._lines):
            self._lines += self._receive(min(self._left, PIECE_BYTES))
        end = self._lines.find(b"\n") + 1 or len(self._lines)
        return self.read(min(end, size) if size >= 0 else end)

    def __iter__(self) -> Iterator[bytes]:
        return iter(self.readline, b"")

    def _receive(self, size: int) -> bytes:
        # The clock runs from the first read to the last, not while the application computes
        # before the first one.
        if self._transfer is None:
            self._transfer = Transfer(INCOMING, self._peer)
            transfers.begin(self._transfer)
        piece = self._stream.read(size)
        self._left -= len(piece)
        self._transfer.moved_bytes += len(piece)
        if len(piece) < size or not self._left:
            self.close()
        if len(piece) < size:
            self._left = 0
            raise BodyIncomplete(self._transfer.is_closed)
        return piece

    def close(self) -> None:
        """Stop watching over a body that is read, or will never be."""
        if self._transfer is not None:
            transfers.end(self._transfer)


class OutgoingBody:
    """A streamed response that its client has to take in time, in pieces of `piece_bytes`."""

    def __init__(self, chunks: Iterable[bytes], peer: str, piece_bytes: int) -> None:
        self._chunks = chunks
        self._piece_bytes = piece_bytes
        self._transfer = Transfer(OUTGOING, peer)

    def __iter__(self) -> Iterator[bytes]:
        transfers.begin(self._transfer)
        try:
            piece = bytearray()
            for chunk in self._chunks:
                piece += chunk
                if len(piece) >= self._piece_bytes:
                    yield self._moved(piece)
                    piece.clear()
            if piece:
                yield self._moved(piece)
        finally:
            transfers.end(self._transfer)

    def _moved(self, piece: bytearray) -> bytes:
        self._transfer.moved_bytes += len(piece)
        return bytes(piece)

    def close(self) -> None:
        """Close what the chunks come from."""
        transfers.end(self._transfer)
        close: Any = getattr(self._chunks, "close", None)
        if close is not None:
            close()
