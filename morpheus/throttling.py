"""Limits per caller and window, counted atomically in Redis."""

from __future__ import annotations

import time
from hashlib import sha256
from typing import TYPE_CHECKING

from django.conf import settings
from django.core.cache import cache
from rest_framework.permissions import SAFE_METHODS
from rest_framework.request import Request
from rest_framework.throttling import BaseThrottle

from morpheus.clients import client_address

if TYPE_CHECKING:  # rest_framework.views imports this module by its name in the settings.
    from rest_framework.views import APIView


class WindowThrottle(BaseThrottle):
    """At most N requests in each window of S seconds, `settings.THROTTLE_RATES[scope]`.

    INCR is atomic, so clients that race are all counted; DRF's own list of timestamps loses some.
    A dead Redis limits nobody: people can still log in.
    """

    scope = ""

    def identities(self, request: Request) -> list[str]:
        """Return whom to count this request for; none means that it is not limited."""
        user = request.user
        return [f"user:{user.pk}" if user.is_authenticated else f"ip:{client_address(request)}"]

    def allow_request(self, request: Request, view: APIView) -> bool:
        self.limit, self.window_s = settings.THROTTLE_RATES[self.scope]
        return all(self._count(identity) <= self.limit for identity in self.identities(request))

    def wait(self) -> float:
        """Return the seconds until the window ends."""
        return self.window_s - time.time() % self.window_s

    def _count(self, identity: str) -> int:
        window = int(time.time() // self.window_s)
        # Hashed: an identity may be an e-mail address, and keys have no business with those.
        digest = sha256(identity.encode()).hexdigest()[:32]
        key = f"throttle:{self.scope}:{digest}:{window}"
        cache.add(key, 0, timeout=self.window_s)
        try:
            return cache.incr(key) or 0
        except ValueError:  # It expired or was evicted in between.
            return 0


class WriteThrottle(WindowThrottle):
    """Limits what changes something; reading is free."""

    scope = "write"

    def identities(self, request: Request) -> list[str]:
        return [] if request.method in SAFE_METHODS else super().identities(request)
