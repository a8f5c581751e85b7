"""Single-flight: of threads or processes that need the same value, one computes it for all."""

from __future__ import annotations

import threading
import time
from collections.abc import Callable, Hashable
from typing import TYPE_CHECKING, Generic, TypeVar

from morpheus.cache.redis_client import RedisUnavailable

if TYPE_CHECKING:
    from morpheus.cache.store import CacheStore

Result = TypeVar("Result")

# A thread that waited this long does the work itself.
_WAIT_S = 10.0

_POLL_S = 0.02


class _Flight(Generic[Result]):
    def __init__(self) -> None:
        self.landed = threading.Event()
        self.result: Result | None = None


class SingleFlight(Generic[Result]):
    """Work in progress in this process, by key.

    The key must hold the versions of all tags that the work depends on, read before joining. So a
    flight that started before a write, of which the joiner may know, has another key. A caller that
    discards the result and fetches the filled value instead needs no versions.
    """

    def __init__(self) -> None:
        self._flights: dict[Hashable, _Flight[Result]] = {}
        self._lock = threading.Lock()

    def run(
        self,
        key: Hashable,
        work: Callable[[], Result],
        *,
        before_waiting: Callable[[], None] | None = None,
    ) -> tuple[Result, bool]:
        """Return the result of `work`, and whether another thread did it.

        If the other thread fails, this thread does the work itself.

        Args:
            before_waiting: Releases resources that the working thread may need.
        """
        with self._lock:
            flight = self._flights.get(key)
            is_leader = flight is None
            if flight is None:
                flight = self._flights[key] = _Flight()
        if not is_leader:
            if before_waiting:
                before_waiting()
            flight.landed.wait(_WAIT_S)
            return (work(), False) if flight.result is None else (flight.result, True)
        try:
            flight.result = work()
            return flight.result, False
        finally:
            with self._lock:
                del self._flights[key]
            flight.landed.set()


def run_leased(store: CacheStore, key: str, lease_s: float, work: Callable[[], bytes]) -> bytes:
    """Return the payload of `key` from `work`, or from another process that fills it meanwhile.

    Waits while another process holds the lease of `key`, at most `lease_s`.
    """
    deadline = time.monotonic() + lease_s
    is_holder = False
    try:
        while not (is_holder := _acquire(store, key, lease_s)) and time.monotonic() < deadline:
            time.sleep(_POLL_S)
            [value] = store.fetch([key])
            if value is not None:
                return value[1]
    except RedisUnavailable:
        pass
    expires_at = time.monotonic() + lease_s
    try:
        return work()
    finally:
        # An expired lease may be another process' by now.
        if is_holder and time.monotonic() < expires_at:
            _release(store, key)


def _acquire(store: CacheStore, key: str, lease_s: float) -> bool:
    [reply] = store.client.run(
        lambda prefix: [("SET", f"{prefix}lease:{key}", 1, "NX", "PX", int(lease_s * 1000))]
    )
    return reply is not None


def _release(store: CacheStore, key: str) -> None:
    try:
        store.client.run(lambda prefix: [("DEL", f"{prefix}lease:{key}")])
    except RedisUnavailable:
        store.suspend_reads()
