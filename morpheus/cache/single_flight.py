"""Single-flight: one thread, and for costly values one process, computes a value for all."""

from __future__ import annotations

import threading
import time
from collections.abc import Callable, Hashable, Sequence
from typing import TYPE_CHECKING, Any, Generic, TypeVar

from morpheus.cache.policies import CachePolicy
from morpheus.cache.redis_client import RedisUnavailable

if TYPE_CHECKING:
    from morpheus.cache.store import CacheStore

Result = TypeVar("Result")

# Who waited so long does it alone.
_PATIENCE_S = 10.0


class _Flight(Generic[Result]):
    def __init__(self) -> None:
        self.landed = threading.Event()
        self.result: Result | None = None


class SingleFlight(Generic[Result]):
    """Work in progress in this process, by key.

    The key must hold the versions of all tags that the work depends on, read before joining: a
    flight that took off before a write that the joiner may know of then has another key. Or the
    joiner uses nothing of the result, and looks up what was kept.
    """

    def __init__(self) -> None:
        self._flights: dict[Hashable, _Flight[Result]] = {}
        self._lock = threading.Lock()

    def share(
        self, key: Hashable, work: Callable[[], Result], *, before_waiting: Callable[[], None]
    ) -> tuple[Result, bool]:
        """Return what `work` returns, and whether another thread did it.

        If that thread fails, this one does the work itself.

        Args:
            before_waiting: Gives back what the thread that works may need.
        """
        with self._lock:
            flight = self._flights.get(key)
            is_leader = flight is None
            if flight is None:
                flight = self._flights[key] = _Flight()
        if not is_leader:
            before_waiting()
            flight.landed.wait(_PATIENCE_S)
            return (work(), False) if flight.result is None else (flight.result, True)
        try:
            flight.result = work()
            return flight.result, False
        finally:
            with self._lock:
                del self._flights[key]
            flight.landed.set()


Payloads = dict[Any, bytes]

_POLL_S = 0.02


def with_lease(
    store: CacheStore,
    policy: CachePolicy,
    keys: Sequence[str],
    identities: Sequence[Any],
    work: Callable[[], Payloads],
) -> Callable[[], Payloads]:
    """Return work that first waits for another process that does the same, if the policy says so.

    Only a single value is with_lease. Waiting ends when the value is cached, when the other process
    gives up its lease, or after `policy.lease_s`; then the work is done here.
    """
    if not policy.lease_s or len(keys) != 1:
        return work
    [key], [identity] = keys, identities

    def wait_or_work() -> Payloads:
        deadline = time.monotonic() + policy.lease_s
        is_ours = False
        try:
            while (
                not (is_ours := _acquire(store, key, policy.lease_s))
                and time.monotonic() < deadline
            ):
                time.sleep(_POLL_S)
                [found] = store.fetch([key])
                if found is not None:
                    return {identity: found[1]}
        except RedisUnavailable:
            pass
        ends = time.monotonic() + policy.lease_s
        try:
            return work()
        finally:
            # One that has ended may be another's by now.
            if is_ours and time.monotonic() < ends:
                _release(store, key)

    return wait_or_work


def _acquire(store: CacheStore, key: str, lease_s: float) -> bool:
    [answer] = store.client.run(
        lambda prefix: [("SET", f"{prefix}lease:{key}", 1, "NX", "PX", int(lease_s * 1000))]
    )
    return answer is not None


def _release(store: CacheStore, key: str) -> None:
    try:
        store.client.run(lambda prefix: [("DEL", f"{prefix}lease:{key}")])
    except RedisUnavailable:
        store.suspend_reads()
