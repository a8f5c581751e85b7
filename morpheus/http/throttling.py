"""Limits per caller and window, counted atomically in Redis."""

from __future__ import annotations

import time
from hashlib import sha256
from typing import TYPE_CHECKING

from django.conf import settings
from rest_framework.permissions import SAFE_METHODS
from rest_framework.request import Request
from rest_framework.throttling import BaseThrottle

from morpheus.cache.redis_client import Command, RedisUnavailable
from morpheus.cache.store import cache_store
from morpheus.http.client_addresses import get_client_network

if TYPE_CHECKING:  # rest_framework.views imports this module by its name in the settings.
    from rest_framework.views import APIView


class WindowLimit:
    """At most N requests of one identity in S seconds: `settings.MORPHEUS_THROTTLE_RATES[scope]`.

    INCR is atomic, so concurrent attempts are all counted; DRF's list of timestamps loses some.
    Without Redis there is no limit, so that users can log in.
    """

    def __init__(self, scope: str, identity: str) -> None:
        self.limit, self.window_s = settings.MORPHEUS_THROTTLE_RATES[scope]
        window = int(time.time() // self.window_s)
        # Hashed: an identity may be an e-mail address, which must not be in keys.
        digest = sha256(identity.encode()).hexdigest()[:32]
        self._key = f"throttle:{scope}:{digest}:{window}"

    def acquire(self) -> bool:
        """Count an attempt; return whether it is within the limit."""
        return self._change_count("INCR") <= self.limit

    def release(self) -> None:
        """Take an attempt off the count of its window."""
        self._change_count("DECR")

    def wait_s(self) -> float:
        """Return the seconds until the window ends."""
        return self.window_s - time.time() % self.window_s

    def _change_count(self, command: str) -> int:
        """Return the count of the window after `command`; 0 without Redis."""

        def build(prefix: str) -> list[Command]:
            key = f"{prefix}{self._key}"
            return [(command, key), ("EXPIRE", key, self.window_s)]

        try:
            return int(cache_store().client.run(build)[0])
        except RedisUnavailable:
            return 0


class WindowThrottle(BaseThrottle):
    """Limit the requests of each identity by a `WindowLimit` of the scope."""

    scope = ""

    def identities(self, request: Request) -> list[str]:
        """Return the identities that this request counts for; an empty list means no limit."""
        user = request.user
        return [f"user:{user.pk}" if user.is_authenticated else f"ip:{get_client_network(request)}"]

    def allow_request(self, request: Request, view: APIView) -> bool:
        for identity in self.identities(request):
            limit = WindowLimit(self.scope, identity)
            if not limit.acquire():
                self._wait_s = limit.wait_s()
                return False
        return True

    def wait(self) -> float:
        """Return the seconds until the window of the refused request ends."""
        return self._wait_s


class WriteThrottle(WindowThrottle):
    """Limit writes; reads are not counted."""

    scope = "write"

    def identities(self, request: Request) -> list[str]:
        return [] if request.method in SAFE_METHODS else super().identities(request)
