"""One open stream: what its client has, what it still gets, and the text of Server-Sent Events."""

from __future__ import annotations

import asyncio
import random
import time
from collections.abc import AsyncIterator, Callable, Collection, Iterator, Mapping
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from functools import reduce
from hashlib import blake2b
from operator import xor

from django.conf import settings
from prometheus_client import Counter

# JSON bodies by the id of their row; None for a row that is gone.
Bodies = Mapping[int, bytes | None]

# In the environment of a request to the process that holds streams: a function that raises an error
# of the API if one of the callers has too many.
ADMIT = "morpheus.events.admit"

# A proxy or a mobile network that closes idle connections waits for longer.
HEARTBEAT_S = 15.0
HEARTBEAT = b": heartbeat\n\n"

# What changed so long before a stream without an id is sent, too: longer than a transaction of the
# worker takes, and than a client takes between its reads and the stream.
WINDOW = timedelta(minutes=10)

# Milliseconds before a client connects again; different ones, so that the clients of a process that
# ended do not come at once.
_RETRY_MS = (1000, 5000)

sent_events = Counter("morpheus_events_sent_total", "Events sent to event streams.", ["event"])


@dataclass(frozen=True)
class Subscription:
    """What a stream shows, as its view has found out.

    Attributes:
        key: Streams with the same key show the same, so that one read serves all of them.
        tags: Those whose invalidation may change the stream.
        select: Returns the ids that a notification of tags concerns.
        read: Returns the bodies of some ids, and of what changed since a time, if one is given.
        ids: Rows of the stream from the start; it ends when one of them is gone.
        credential: The tags of the caller's login, if there is one.
        expires_at: The time.time() at which the login ends.
        callers: What limits count the stream for.
    """

    key: tuple[str, int, int | None]
    tags: frozenset[str]
    select: Callable[[frozenset[str]], frozenset[int]]
    read: Callable[[Collection[int], datetime | None], Bodies]
    ids: frozenset[int]
    credential: frozenset[str]
    expires_at: float | None
    callers: tuple[str, ...]


class Stream:
    """What one client has got, and what it gets next: one body at most for each id.

    Attributes:
        status: Returns the HTTP status that a new request of the caller would get.
        has_ended: Whether the stream is to be closed.
        since: Begin of the window of changes that the client has.
    """

    def __init__(
        self, subscription: Subscription, last_event_id: str, status: Callable[[], int]
    ) -> None:
        self.subscription = subscription
        self.status = status
        self.has_ended = False
        self.since, self._known = _parse_id(last_event_id)
        self._sent: dict[int, int] = {}
        self._waiting: dict[int, bytes | None] = {}
        self._wake = asyncio.Event()
        self._started_at = time.monotonic()
        # Not all at the same time after a restart.
        self._ends_at = self._started_at + settings.MORPHEUS_EVENTS_MAX_S * random.uniform(0.9, 1.1)  # noqa: S311
        if subscription.expires_at is not None:
            lasts_s = subscription.expires_at - time.time()
            self._ends_at = min(self._ends_at, self._started_at + lasts_s)

    @property
    def shown_ids(self) -> Collection[int]:
        """The ids of the bodies that the client has."""
        return self._sent.keys()

    def open(self, bodies: Bodies) -> None:
        """Take the first read. A client that has all bodies, by its last id, gets none twice."""
        digests = {key: _digest(body) for key, body in bodies.items() if body is not None}
        is_known = self._known is not None and reduce(xor, digests.values(), 0) == self._known
        self._sent = digests if is_known else {}
        # Replaces what came from a read that began earlier.
        self._waiting = {} if is_known else dict(bodies)

    def offer(self, bodies: Bodies) -> None:
        """Take a later read; an unsent body of the same id is not sent any more."""
        self._waiting.update(bodies)
        self._wake.set()

    def end(self) -> None:
        """Close the stream; what waits is not sent any more."""
        self.has_ended = True
        self._wake.set()

    async def texts(self) -> AsyncIterator[bytes]:
        """Yield what the client gets, until the stream ends."""
        yield f"retry: {random.randint(*_RETRY_MS)}\n\n".encode()  # noqa: S311
        # An id without an event: the client has it, even if nothing changes before it is cut off.
        yield self._take() or f"id: {self._id()}\n\n".encode()
        while not self.has_ended and (left_s := self._ends_at - time.monotonic()) > 0:
            try:
                await asyncio.wait_for(self._wake.wait(), min(HEARTBEAT_S, left_s))
            except TimeoutError:
                yield HEARTBEAT
                continue
            self._wake.clear()
            if not self.has_ended and (text := self._take()):
                yield text

    def _take(self) -> bytes:
        """Return the events of what has changed since it was sent."""
        waiting, self._waiting = self._waiting, {}
        return b"".join(event for key, body in waiting.items() for event in self._events(key, body))

    def _events(self, key: int, body: bytes | None) -> Iterator[bytes]:
        if body is None:
            if key in self.subscription.ids:
                self.end()
            elif self._sent.pop(key, None) is not None:
                yield self._format("deleted", b'{"novel":%d}' % key)
        elif self._sent.get(key) != (digest := _digest(body)):
            self._sent[key] = digest
            yield self._format("status", body)

    def _format(self, event: str, body: bytes) -> bytes:
        sent_events.labels(event).inc()
        return b"id: %b\nevent: %b\ndata: %b\n\n" % (self._id().encode(), event.encode(), body)

    def _id(self) -> str:
        """Return a text that says what the client has: all bodies sent, and since when."""
        return f"{int(self.since.timestamp())}-{reduce(xor, self._sent.values(), 0):016x}"


def _digest(body: bytes) -> int:
    return int.from_bytes(blake2b(body, digest_size=8).digest())


def _parse_id(text: str) -> tuple[datetime, int | None]:
    """Return the window and the digest of a last id; of an unknown text, those of a new client."""
    since, _, digest = text.partition("-")
    try:
        return datetime.fromtimestamp(int(since), UTC), int(digest, 16)
    except (ValueError, OverflowError, OSError):
        return datetime.now(UTC).replace(microsecond=0) - WINDOW, None
