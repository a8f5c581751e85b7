"""Limits per caller in sliding windows, counted atomically in Redis."""

from __future__ import annotations

from hashlib import sha256
from math import ceil
from typing import TYPE_CHECKING

from django.conf import settings
from limits import RateLimitItemPerSecond
from limits.storage import RedisStorage
from limits.strategies import SlidingWindowCounterRateLimiter
from rest_framework.permissions import SAFE_METHODS
from rest_framework.request import Request
from rest_framework.throttling import BaseThrottle

from morpheus.cache.redis_client import Command, RedisUnavailable
from morpheus.cache.store import cache_store
from morpheus.http.client_addresses import get_client_network

if TYPE_CHECKING:  # rest_framework.views imports this module by its name in the settings.
    from rest_framework.views import APIView

# The count of the previous window and its remaining seconds, and those of the current one.
Window = tuple[int, float, int, float]


class _Windows(RedisStorage):
    """The scripts of `limits`, run by this server's own client: one round trip for both.

    A connection of redis-py would have no circuit breaker, and its pool costs more than the
    scripts. An object serves one limit of one request.
    """

    base_exceptions = RedisUnavailable
    wrap_exceptions = False

    def __init__(self) -> None:
        # Not the inherited one, which connects.
        self.key_prefix = "throttle"
        self.window: Window | None = None

    def acquire_sliding_window_entry(
        self, key: str, limit: int, expiry: int, amount: int = 1
    ) -> bool:
        """Count within the limit, and read the window after that."""
        names = (self._previous_window_key(key), self._current_window_key(key))

        def build(prefix: str) -> list[Command]:
            keys = (2, *[f"{prefix}{self.prefixed_key(name)}" for name in names])
            return [
                ("EVAL", self.SCRIPT_ACQUIRE_SLIDING_WINDOW, *keys, limit, expiry, amount),
                ("EVAL", self.SCRIPT_SLIDING_WINDOW, *keys, expiry),
            ]

        acquired, (before, before_ms, now, now_ms) = cache_store().client.run(build)
        self.window = (
            *(int(before or 0), max(0, before_ms) / 1000),
            *(int(now or 0), max(0, now_ms) / 1000),
        )
        return bool(acquired)

    def get_sliding_window(self, key: str, expiry: int) -> Window:
        """Return the window that the last acquisition read."""
        return self.window or (0, 0.0, 0, 0.0)


class WindowLimit:
    """At most N requests of one identity in S seconds: `settings.MORPHEUS_THROTTLE_RATES[scope]`.

    In any S seconds: the requests of the previous window count by the part that these S
    seconds still cover. Concurrent attempts are all counted. Without Redis there is no limit, so
    that users can log in.
    """

    def __init__(self, scope: str, identity: str) -> None:
        self.scope = scope
        self.limit, self.window_s = settings.MORPHEUS_THROTTLE_RATES[scope]
        # Hashed: an identity may be an e-mail address, which must not be in keys.
        self._identity = sha256(identity.encode()).hexdigest()[:32]
        self._item = RateLimitItemPerSecond(self.limit, self.window_s, scope)
        self._windows = _Windows()
        self._limiter = SlidingWindowCounterRateLimiter(self._windows)

    def acquire(self) -> bool:
        """Count an attempt, unless it is beyond the limit; return whether it is within."""
        return self._count(1)

    def release(self) -> None:
        """Take an attempt off the count."""
        self._count(-1)

    def wait_s(self) -> float:
        """Return the seconds until another attempt may be within the limit.

        Not the time of `limits`, which is that until the count is lower by one.
        """
        before, before_s, now, now_s = self._windows.get_sliding_window("", 0)
        left = self.limit - now
        if left <= 0:
            return max(0.0, now_s - self.window_s)
        return max(0.0, before_s - self.window_s * left / before) if before else 0.0

    def headers(self) -> dict[str, str]:
        """Return `RateLimit` and `RateLimit-Policy`; none without Redis."""
        if self._windows.window is None:
            return {}
        left = self._limiter.get_window_stats(self._item).remaining
        reset_s = self._windows.window[3] - self.window_s if left else self.wait_s()
        return {
            "RateLimit-Policy": f'"{self.scope}";q={self.limit};w={self.window_s}',
            "RateLimit": f'"{self.scope}";r={left};t={max(0, ceil(reset_s))}',
        }

    def _count(self, cost: int) -> bool:
        try:
            return self._limiter.hit(self._item, self._identity, cost=cost)
        except RedisUnavailable:
            return True


class WindowThrottle(BaseThrottle):
    """Limit the requests of each identity by a `WindowLimit` of the scope."""

    scope = ""

    def identities(self, request: Request) -> list[str]:
        """Return the identities that this request counts for; an empty list means no limit."""
        user = request.user
        return [f"user:{user.pk}" if user.is_authenticated else f"ip:{get_client_network(request)}"]

    def allow_request(self, request: Request, view: APIView | None) -> bool:
        for identity in self.identities(request):
            limit = WindowLimit(self.scope, identity)
            is_allowed = limit.acquire()
            if view is not None:  # The admin's form has none.
                # DRF adds them to the response, whatever it is.
                headers = getattr(view, "headers", {})
                # Limits of several scopes are one list.
                view.headers = headers | {
                    name: f"{headers[name]}, {text}" if name in headers else text
                    for name, text in limit.headers().items()
                }
            if not is_allowed:
                self._wait_s = limit.wait_s()
                return False
        return True

    def wait(self) -> float:
        """Return the seconds until the refused request may be sent again."""
        return self._wait_s


class WriteThrottle(WindowThrottle):
    """Limit writes; reads are not counted."""

    scope = "write"

    def identities(self, request: Request) -> list[str]:
        return [] if request.method in SAFE_METHODS else super().identities(request)
