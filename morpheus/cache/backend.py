"""Django's caches (limits, reference tables) on a server that may be away or stalled."""

from __future__ import annotations

from collections.abc import Callable
from functools import wraps
from typing import Any

from django_redis.cache import RedisCache
from django_redis.exceptions import ConnectionInterrupted
from redis.exceptions import RedisError

from morpheus.cache.breaker import Breaker, breaker_of

# What a client does without the server.
_LOCAL = frozenset({"close", "connect", "disconnect", "get_client", "make_key", "reverse_key"})


class BreakingCache(RedisCache):  # type: ignore[misc] # has no types
    """django-redis' cache, but a server that does not answer is asked again only after a rest.

    All caches of a process on one server, `morpheus.cache`'s own included, share one breaker.
    Meanwhile, and on every other failure, it answers like an empty cache (`IGNORE_EXCEPTIONS`):
    also where django-redis raises, as for `touch` and `ttl`.
    """

    _client: Any

    def __init__(self, server: str, params: dict[str, Any]) -> None:
        super().__init__(server, params)
        self._breaker = breaker_of(server)

    @property
    def client(self) -> Any:
        if self._client is None:
            self._client = _Guarded(super().client, self._breaker)
        return self._client


class _Guarded:
    """A client of django-redis whose operations ask the breaker first, and tell it after."""

    def __init__(self, client: Any, breaker: Breaker) -> None:
        self._client = client
        self._breaker = breaker

    def __getattr__(self, name: str) -> Any:
        found = getattr(self._client, name)
        if name in _LOCAL or not callable(found):
            return found
        guarded = self._guard(found)
        setattr(self, name, guarded)
        return guarded

    def _guard(self, operate: Callable[..., Any]) -> Callable[..., Any]:
        @wraps(operate)
        def guarded(*args: Any, **kwargs: Any) -> Any:
            if not self._breaker.allows():
                raise ConnectionInterrupted(None) from ConnectionError("The breaker is open.")
            try:
                answer = operate(*args, **kwargs)
            except (ConnectionInterrupted, RedisError, OSError) as error:
                self._breaker.failed()
                if isinstance(error, ConnectionInterrupted):
                    raise
                raise ConnectionInterrupted(self._client) from error
            except Exception:
                # As of `incr`, that there is no such key: that is an answer, too.
                self._breaker.succeeded()
                raise
            self._breaker.succeeded()
            return answer

        return guarded
