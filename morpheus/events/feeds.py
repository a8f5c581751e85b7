"""What streams show: read once for all streams of the same thing, whenever a tag changes."""

from __future__ import annotations

import asyncio
import logging
from collections import Counter as Counts
from collections import defaultdict
from collections.abc import AsyncIterator, Callable, Coroutine, Iterable
from concurrent.futures import ThreadPoolExecutor
from contextlib import asynccontextmanager
from http import HTTPStatus
from typing import Any, TypeVar

from django.conf import settings
from django.db import DatabaseError, connections
from prometheus_client import Counter, Gauge
from rest_framework.exceptions import Throttled

from morpheus.events.notifications import ALL, listen
from morpheus.events.streams import Stream, Subscription

logger = logging.getLogger(__name__)

Value = TypeVar("Value")

# Seconds until a read that failed is repeated.
RETRY_S = 1.0
# Seconds after which a client that has too many streams may try again.
REFUSED_S = 30

open_streams = Gauge("morpheus_event_streams", "Open event streams.", multiprocess_mode="livesum")
refused_streams = Counter(
    "morpheus_event_streams_refused_total",
    "Event streams beyond a limit: of a user, of an address, or of all.",
    ["limit"],
)


class Feed:
    """The streams of one subscription.

    Its reads follow one another, so what the last one has found is the newest.
    """

    def __init__(self, hub: Hub, subscription: Subscription) -> None:
        self.subscription = subscription
        self.streams: set[Stream] = set()
        self._hub = hub
        self._lock = asyncio.Lock()
        self._changed: frozenset[int] = frozenset()
        self._has_missed = False
        self._is_refreshing = False

    async def open(self, stream: Stream) -> None:
        """Read what a new stream shows."""
        async with self._lock:
            read, ids = self.subscription.read, self.subscription.ids
            stream.open(await self._hub.run(read, ids, stream.since))

    def notify(self, tags: frozenset[str]) -> None:
        """Read what the tags concern, soon, and offer it to the streams."""
        if ALL in tags:
            self._has_missed = True
        else:
            self._changed |= self.subscription.select(tags)
        if (self._changed or self._has_missed) and not self._is_refreshing:
            self._is_refreshing = True
            self._hub.spawn(self._refresh())

    async def _refresh(self) -> None:
        try:
            while self.streams and (self._changed or self._has_missed):
                async with self._lock:
                    await self._read()
        finally:
            self._is_refreshing = False

    async def _read(self) -> None:
        """Read what has changed; without the database, leave it changed."""
        ids, since = self._changed, None
        if self._has_missed:
            since = min((stream.since for stream in self.streams), default=None)
            ids = ids.union(self.subscription.ids, *(each.shown_ids for each in self.streams))
        self._changed, self._has_missed = frozenset(), False
        try:
            bodies = await self._hub.run(self.subscription.read, ids, since)
        except DatabaseError:
            self._changed |= ids
            self._has_missed |= since is not None
            await asyncio.sleep(RETRY_S)
            return
        for stream in self.streams:
            stream.offer(bodies)


class Hub:
    """All streams of this process.

    Args:
        threads: For the requests that open a stream, and for reads; each may use a connection.
    """

    def __init__(self, threads: int) -> None:
        self.has_ended = False
        self._threads = ThreadPoolExecutor(threads, "events")
        self._tasks: set[asyncio.Task[None]] = set()
        self._feeds: dict[tuple[Any, ...], Feed] = {}
        self._feeds_by_tag: defaultdict[str, set[Feed]] = defaultdict(set)
        self._logins_by_tag: defaultdict[str, set[Stream]] = defaultdict(set)
        self._streams: set[Stream] = set()
        self._callers: Counts[str] = Counts()

    def start(self) -> None:
        """Listen for changes from now on."""
        self.spawn(listen(self.notify))

    def end(self) -> None:
        """Close all streams."""
        self.has_ended = True
        for stream in self._streams:
            stream.end()

    def spawn(self, work: Coroutine[Any, Any, None]) -> None:
        """Run `work` beside everything else."""
        task = asyncio.ensure_future(work)
        self._tasks.add(task)
        task.add_done_callback(self._tasks.discard)

    async def run(self, call: Callable[..., Value], *arguments: Any) -> Value:
        """Return what `call` returns in a thread; it may use the database."""
        loop = asyncio.get_running_loop()
        return await loop.run_in_executor(self._threads, _run, call, arguments)

    def admit(self, callers: Iterable[str]) -> None:
        """Raise Throttled if a caller has all the streams that it may have."""
        for caller in callers:
            limit = "user" if caller.startswith("user:") else "address"
            if self._callers[caller] >= settings.MORPHEUS_EVENT_STREAMS_OF[limit]:
                refused_streams.labels(limit).inc()
                raise Throttled(REFUSED_S, "Too many event streams are open. Close one.")

    @asynccontextmanager
    async def stream(
        self, subscription: Subscription, last_event_id: str, status: Callable[[], int]
    ) -> AsyncIterator[Stream]:
        """Open a stream for the time of the block.

        Args:
            status: Returns the HTTP status that a new request of the caller would get.

        Raises:
            DatabaseError: What it shows cannot be read.
        """
        stream = Stream(subscription, last_event_id, status)
        feed = self._feeds.get(subscription.key) or Feed(self, subscription)
        self._add(feed, stream)
        try:
            await feed.open(stream)
            yield stream
        finally:
            self._remove(feed, stream)

    def notify(self, tags: frozenset[str]) -> None:
        """Have read again what depends on the tags."""
        if ALL in tags:
            feeds = {*self._feeds.values()}
            streams = {each for each in self._streams if each.subscription.credential}
        else:
            feeds = {each for tag in tags for each in self._feeds_by_tag.get(tag, ())}
            streams = {each for tag in tags for each in self._logins_by_tag.get(tag, ())}
        for feed in feeds:
            feed.notify(tags)
        for stream in streams:
            self.spawn(self._check_login(stream))

    async def _check_login(self, stream: Stream) -> None:
        """Close a stream whose caller would not get it any more."""
        while (status := await self.run(stream.status)) == HTTPStatus.SERVICE_UNAVAILABLE:
            await asyncio.sleep(RETRY_S)
        if status != HTTPStatus.OK:
            stream.end()

    def _add(self, feed: Feed, stream: Stream) -> None:
        subscription = stream.subscription
        self._feeds[subscription.key] = feed
        feed.streams.add(stream)
        self._streams.add(stream)
        self._callers.update(subscription.callers)
        for tag in subscription.tags:
            self._feeds_by_tag[tag].add(feed)
        for tag in subscription.credential:
            self._logins_by_tag[tag].add(stream)
        open_streams.set(len(self._streams))

    def _remove(self, feed: Feed, stream: Stream) -> None:
        subscription = stream.subscription
        feed.streams.discard(stream)
        self._streams.discard(stream)
        self._callers.subtract(subscription.callers)
        self._callers = +self._callers
        _discard(self._logins_by_tag, subscription.credential, stream)
        if not feed.streams:
            del self._feeds[subscription.key]
            _discard(self._feeds_by_tag, subscription.tags, feed)
        open_streams.set(len(self._streams))


def _discard(index: dict[str, set[Any]], tags: Iterable[str], value: object) -> None:
    for tag in tags:
        index[tag].discard(value)
        if not index[tag]:
            del index[tag]


def _run(call: Callable[..., Value], arguments: tuple[Any, ...]) -> Value:
    try:
        return call(*arguments)
    finally:
        connections.close_all()
