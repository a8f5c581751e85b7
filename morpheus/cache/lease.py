"""Of processes that want the same dear value at the same time, one computes it."""

from __future__ import annotations

import time
from collections.abc import Callable, Sequence
from typing import Any

from morpheus.cache.engine import engine
from morpheus.cache.policies import Policy
from morpheus.cache.server import Unreachable

Payloads = dict[Any, bytes]

_POLL_S = 0.02


def leased(
    policy: Policy, keys: Sequence[str], identities: Sequence[Any], work: Callable[[], Payloads]
) -> Callable[[], Payloads]:
    """Return work that first waits for another process that does the same, if the policy says so.

    Only a single value is leased. Waiting ends when the value is there, when the other one gave up
    its lease, or after `policy.lease_s`; then the work is done here.
    """
    if not policy.lease_s or len(keys) != 1:
        return work
    [key], [identity] = keys, identities

    def wait_or_work() -> Payloads:
        deadline = time.monotonic() + policy.lease_s
        is_ours = False
        try:
            while not (is_ours := _taken(key, policy.lease_s)) and time.monotonic() < deadline:
                time.sleep(_POLL_S)
                [found] = engine().fetch([key])
                if found is not None:
                    return {identity: found[1]}
        except Unreachable:
            pass
        ends = time.monotonic() + policy.lease_s
        try:
            return work()
        finally:
            # One that has ended may be another's by now.
            if is_ours and time.monotonic() < ends:
                _give_back(key)

    return wait_or_work


def _taken(key: str, lease_s: float) -> bool:
    [answer] = engine().server.run(
        lambda prefix: [("SET", f"{prefix}lease:{key}", 1, "NX", "PX", int(lease_s * 1000))]
    )
    return answer is not None


def _give_back(key: str) -> None:
    try:
        engine().server.run(lambda prefix: [("DEL", f"{prefix}lease:{key}")])
    except Unreachable:
        engine().distrust()
